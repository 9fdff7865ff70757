package proxy

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/scope"
	"github.com/volens-ledger/volens/policies/study"
)

const fhirJSON = "application/fhir+json; charset=utf-8"

// kind is what a request is, as far as it is handled alike.
type kind string

const (
	capabilities kind = "capabilities"
	readOne      kind = "read"
	readVersion  kind = "vread"
	history      kind = "history"
	search       kind = "search"
	everything   kind = "everything"
	nextPage     kind = "page"
	smart        kind = "smart-configuration"
	batch        kind = "batch" // and transaction
	create       kind = "create"
	update       kind = "update"
	remove       kind = "delete"
)

// interaction is a request, read.
type interaction struct {
	kind    kind
	scope   string // interaction in package scope
	typ     string // resource type; of $everything Patient
	id      string
	version string
	path    string // below the base, as it goes to the server
	query   url.Values
	asked   string // path and query, as they were asked for
	ask     ask
	page    string // sealed
	match   string // If-Match of a change
	body    []byte // of a change, when it is read
}

var (
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)
)

// logical reports whether a text is a FHIR id. Those that lead elsewhere in a path are none here.
func logical(s string) bool { return idForm.MatchString(s) && s != "." && s != ".." }

// read says what a request is. What is not listed here is not passed on: operations, GraphQL, conditional writes, histories of a
// type or of everything, patches.
func (p *Proxy) read(r *http.Request) (interaction, error) {
	prefix := ""
	if u, err := url.Parse(p.base); err == nil {
		prefix = u.Path
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		return interaction{}, errAbsent
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return interaction{}, bad("the query is not in form")
	}
	rest = strings.Trim(rest, "/")
	parts := strings.Split(rest, "/")
	if rest == "" {
		parts = nil
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return reading(parts, query)
	case http.MethodPost:
		if len(parts) == 0 && len(query) == 0 {
			return interaction{kind: batch}, nil
		}
		if len(parts) == 2 && parts[1] == "_search" {
			return posted(r, parts[0], query)
		}
	}
	return writing(r.Method, parts, query, conditions{none: r.Header.Get("If-None-Exist"), match: r.Header.Get("If-Match")})
}

func reading(parts []string, query url.Values) (interaction, error) {
	a := interaction{path: strings.Join(parts, "/"), query: query}
	if len(parts) == 0 && query.Has("_page") {
		a.kind, a.page = nextPage, query.Get("_page")
		return a, nil
	}
	switch a.path {
	case "metadata":
		a.kind = capabilities
		return a, nil
	case ".well-known/smart-configuration":
		a.kind = smart
		return a, nil
	}
	if len(parts) == 0 || !typeName.MatchString(parts[0]) || len(parts) > 1 && !logical(parts[1]) {
		return a, errUnsupported
	}
	a.typ = parts[0]
	if len(parts) == 1 {
		a.kind, a.scope = search, scope.SearchType
		return a, nil
	}
	a.id = parts[1]
	if !a.instance(parts[2:]) {
		return a, errUnsupported
	}
	return a, nil
}

// instance reads what follows Type/id.
func (a *interaction) instance(rest []string) bool {
	switch len(rest) {
	case 0:
		a.kind, a.scope = readOne, scope.Read
		return true
	case 1:
		switch {
		case rest[0] == "_history":
			a.kind, a.scope = history, scope.InstanceHistory
		case rest[0] == "$everything" && a.typ == "Patient":
			a.kind, a.scope = everything, scope.SearchType
		case typeName.MatchString(rest[0]):
			a.kind, a.scope, a.typ = search, scope.SearchType, rest[0]
		default:
			return false
		}
		return true
	case 2:
		a.kind, a.scope, a.version = readVersion, scope.Vread, rest[1]
		return rest[0] == "_history" && logical(rest[1])
	}
	return false
}

// maxForm bounds the form of a search by POST, in bytes.
const maxForm = 64 << 10

// posted makes a search by POST one by GET: the server logs its own queries, and the form is checked like any other.
func posted(r *http.Request, typ string, query url.Values) (interaction, error) {
	if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) != "application/x-www-form-urlencoded" {
		return interaction{}, bad("a search by POST is a form")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(b) > maxForm {
		return interaction{}, bad("the form cannot be read, or is too long")
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return interaction{}, bad("the form is not in form")
	}
	for name, values := range form {
		query[name] = append(query[name], values...)
	}
	return reading([]string{typ}, query)
}

// conditions are headers, or members of a batch's request, on which a change depends.
type conditions struct{ none, match string }

func writing(method string, parts []string, query url.Values, on conditions) (interaction, error) {
	a := interaction{path: strings.Join(parts, "/"), query: query, match: on.match}
	conditional := on.none != "" || len(query) > 0
	if len(parts) == 0 || !typeName.MatchString(parts[0]) || conditional {
		return a, errUnsupported
	}
	a.typ = parts[0]
	if method == http.MethodPost && len(parts) == 1 {
		a.kind, a.scope = create, scope.Create
		return a, nil
	}
	if len(parts) != 2 || !logical(parts[1]) {
		return a, errUnsupported
	}
	a.id = parts[1]
	switch method {
	case http.MethodPut:
		a.kind, a.scope = update, scope.Update
	case http.MethodDelete:
		a.kind, a.scope = remove, scope.Delete
	default:
		return a, errUnsupported
	}
	return a, nil
}

// Headers by which a client says what its token does not.
const (
	PurposeHeader   = "Volens-Purpose"   // v3-ActReason code; required
	ActorHeader     = "Volens-Actor"     // who of the member's people asks, e.g. Practitioner/bob
	GroupHeader     = "Volens-Group"     // and in which group, e.g. Group/ward-3; may be repeated
	StudyHeader     = "Volens-Study"     // what the study is and keeps to: terms of DUO and diseases, with commas (DS, MONDO:0005148, NPU)
	EmergencyHeader = "Volens-Emergency" // the reason; required with purpose BTG
)

// requester is who asks, for what, by which scopes.
type requester struct {
	access.Requester
	scopes    scope.Set
	purpose   consent.Coding
	actor     api.Actor
	study     []string
	emergency string
	requestID string
	custodian bool
}

// admit knows a requester by its token. Only organisations have one here: people see their records at their wallet.
func (p *Proxy) admit(r *http.Request) (requester, error) {
	who, err := p.cfg.Auth.Authenticate(r)
	if err != nil {
		return requester{}, err
	}
	if !who.Client() {
		return requester{}, errSignIn
	}
	out := requester{
		scopes: scope.ParseSet(who.Scopes()), actor: api.Actor{Reference: r.Header.Get(ActorHeader), Groups: r.Header[GroupHeader]},
		purpose: consent.Coding{System: policies.SystemPurpose, Code: r.Header.Get(PurposeHeader)}, emergency: r.Header.Get(EmergencyHeader),
		requestID: r.Header.Get("X-Request-Id"), custodian: who.Has("custodian"),
	}
	out.Requester = access.Requester{Member: who.Member, Channel: "fhir", Client: r.RemoteAddr, Part: true, Response: new(access.Response), Shown: who.Shown()}
	for _, role := range who.Roles() {
		out.Roles = append(out.Roles, string(role))
	}
	if len(out.requestID) > maxRequestID {
		out.requestID = ""
	}
	if out.purpose.Code == "" {
		return out, bad("the header " + PurposeHeader + " names the purpose of use, such as TREAT")
	}
	if out.study, err = studied(r.Header[StudyHeader]); err != nil {
		return out, bad(StudyHeader + ": " + err.Error())
	}
	return out, nil
}

// studied reads a list of terms (RFC 9110, 5.6.1).
func studied(lines []string) (terms []string, err error) {
	for _, line := range lines {
		for term := range strings.SplitSeq(line, ",") {
			if term = strings.Trim(term, " \t"); term != "" {
				terms = append(terms, term)
			}
		}
	}
	return study.Terms(terms)
}

const maxRequestID = 128
