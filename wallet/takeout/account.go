package takeout

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// Law is what an account is made for.
type Law string

// The laws.
const (
	HIPAA Law = "hipaa" // 45 CFR 164.528: disclosures of the last six years
	EHDS  Law = "ehds"  // Regulation (EU) 2025/327, article 9: every access of the last three years
)

// Title is the heading of an account.
func (l Law) Title() string {
	if l == HIPAA {
		return "Accounting of disclosures (45 CFR 164.528)"
	}
	return "Who accessed my health data (Regulation (EU) 2025/327, article 9)"
}

// years is how far back the law reaches.
func (l Law) years() int {
	if l == HIPAA {
		return 6
	}
	return 3
}

// covers says whether a use belongs into an account. HIPAA counts disclosures. The EHDS counts every access, a look at the
// records of consent and use included. What was denied disclosed nothing.
func (l Law) covers(u *proof.Use) bool {
	return u.Decision == proof.Permit && u.Requester != "" && (l == EHDS || u.Kind == proof.Decision)
}

// Names gives words: for members, name and address as the ledger's authorities signed them; for codes, a display; for consents,
// what is known of one by its number. Any may be nil.
type Names struct {
	Member  func(consent.MemberID) (consent.Member, bool)
	Code    func(consent.Coding) (string, bool)
	Consent func(consent.Uint64) (Consent, bool)
}

// Consent is a consent that permitted an access.
type Consent struct {
	Seq        consent.Uint64 `json:"seq"`
	Commitment consent.Hash   `json:"commitment,omitzero"` // of the message that gave it
	TextHash   consent.Hash   `json:"textHash,omitzero"`   // SHA-256 of the text that the person agreed to
}

// Line is one access. It holds what a use holds of 45 CFR 164.528(b)(2), of Regulation (EU) 2025/327, article 9, and of what
// IHE BALP records; TestAccountFields has the list, field by field.
type Line struct {
	Use        consent.Uint64   `json:"use"`    // number in the person's proved list of uses, from 1 without a gap
	Record     consent.Uint64   `json:"record"` // number in the custodian's log
	Prev       consent.Hash     `json:"prev"`   // leaf hash of the person's use before; zero in her first
	Commitment consent.Hash     `json:"commitment"`
	Kind       proof.Kind       `json:"kind"`
	Time       string           `json:"time"` // UTC, to the millisecond
	Recipient  string           `json:"recipient"`
	Member     consent.MemberID `json:"member"`
	Address    string           `json:"address,omitempty"` // where known
	People     []string         `json:"people,omitempty"`  // as the recipient asserts them
	Roles      []string         `json:"roles,omitempty"`
	OnBehalf   string           `json:"onBehalfOf,omitempty"` // the delegation that was asked under
	Channel    string           `json:"channel,omitempty"`
	Client     string           `json:"client,omitempty"` // software and address, as far as known
	RequestID  string           `json:"requestId,omitempty"`
	Data       string           `json:"data"`
	Types      []string         `json:"types,omitempty"`
	Resources  []string         `json:"resources,omitempty"`
	Count      int              `json:"count"`
	Labels     []string         `json:"labels,omitempty"` // security labels of the data
	Purpose    string           `json:"purpose"`
	Code       string           `json:"purposeCode,omitempty"` // v3-ActReason
	Action     string           `json:"action,omitempty"`      // FHIR consentaction
	Outcome    string           `json:"outcome"`
	Reasons    []string         `json:"reasons,omitempty"` // letters of the rules that decided
	Basis      string           `json:"basis"`             // the consents that permitted it, or the emergency
	Emergency  bool             `json:"emergency"`
	Consents   []Consent        `json:"consents,omitempty"`
	Policy     consent.Hash     `json:"policyDigest,omitzero"`
	Codes      consent.Hash     `json:"codesDigest,omitzero"`
	Position   consent.Uint64   `json:"position"` // of the ledger, as the decision saw it
	Duties     []string         `json:"obligations,omitempty"`
	Sentence   string           `json:"sentence"`
}

// Account is a list for a law, with what proves that it is complete.
type Account struct {
	Law       Law               `json:"law"`
	Title     string            `json:"title"`
	Subject   consent.SubjectID `json:"subject"`
	From      string            `json:"from"`
	Until     string            `json:"until"`
	Retention string            `json:"retention"`
	Missing   string            `json:"missing"` // what is not in it
	Lines     []Line            `json:"lines"`
	Uses      consent.Uint64    `json:"uses"` // of the whole proved list
	Size      consent.Uint64    `json:"size"` // of the custodian's log
	Root      consent.Hash      `json:"root"`
}

const (
	retention = "every use is kept until the subject is erased; none is deleted before, by time or by anybody"
	missing   = "what went out without Volens; what was denied, since nothing was disclosed; your own looks, and those of who acts for you. " +
		"Nothing is withheld from this list: Volens has no suspension of an account"
)

// NewAccount makes an account from the whole list of uses, which the caller has verified up to seen.
func NewAccount(law Law, h consent.SubjectID, seen proof.Seen, uses []proof.Entry, now time.Time, n Names) Account {
	from := now.UTC().AddDate(-law.years(), 0, 0)
	a := Account{
		Law: law, Title: law.Title(), Subject: h, From: from.Format(time.DateOnly), Until: now.UTC().Format(time.RFC3339),
		Retention: retention, Missing: missing, Lines: []Line{}, Uses: seen.UseSeq, Size: seen.Size, Root: seen.Root,
	}
	for i := range uses {
		u := &uses[i].Use
		if law.covers(u) && int64(u.Time) >= from.UnixMilli() {
			a.Lines = append(a.Lines, n.line(&uses[i]))
		}
	}
	return a
}

func (n Names) line(e *proof.Entry) Line {
	u := &e.Use
	l := Line{
		Use: u.UseSeq, Record: e.Index, Prev: e.Prev, Commitment: u.Commitment(), Kind: u.Kind,
		Time:      time.UnixMilli(int64(u.Time)).UTC().Format("2006-01-02T15:04:05.000Z"),
		Recipient: string(u.Requester), Member: u.Requester, People: u.Actors, Roles: symbols(u.Roles), OnBehalf: u.Delegation,
		Channel: u.Channel, Client: u.Client, RequestID: u.RequestID, Data: what(u), Types: u.ResourceTypes, Resources: u.Resources,
		Count: len(u.Resources), Labels: symbols(u.Labels), Purpose: n.words(u.Purpose), Code: u.Purpose.Code, Action: u.Action.Code,
		Outcome: u.Decision, Basis: basis(u), Emergency: u.Emergency != "", Policy: u.PolicyDigest, Codes: u.CodesDigest,
		Position: u.Position, Duties: u.Obligations, Sentence: u.Sentence.Text,
	}
	for _, r := range u.Reasons {
		l.Reasons = append(l.Reasons, strings.TrimSpace(r.Rule+" "+r.Code))
	}
	for _, seq := range u.Consents {
		c := Consent{Seq: seq}
		if n.Consent != nil {
			if known, ok := n.Consent(seq); ok {
				c = known
			}
		}
		l.Consents = append(l.Consents, c)
	}
	if n.Member != nil {
		if m, ok := n.Member(u.Requester); ok {
			l.Recipient, l.Address = m.Name, m.URL
		}
	}
	return l
}

func symbols(cs []consent.Coding) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Code)
	}
	return out
}

func (n Names) words(c consent.Coding) string {
	if n.Code != nil && c.Code != "" {
		if w, ok := n.Code(c); ok {
			return w + " (" + c.Code + ")"
		}
	}
	return c.Code
}

func what(u *proof.Use) string {
	switch {
	case u.Kind != proof.Decision:
		return "records of consent and use"
	case len(u.Resources) > 0:
		return strings.Join(u.Resources, ", ")
	case len(u.ResourceTypes) > 0:
		return strings.Join(u.ResourceTypes, ", ")
	}
	return "health data of any kind"
}

func basis(u *proof.Use) string {
	if u.Emergency != "" {
		return "emergency: " + u.Emergency
	}
	if len(u.Consents) == 0 {
		return ""
	}
	text := make([]string, len(u.Consents))
	for i, seq := range u.Consents {
		text[i] = strconv.FormatUint(uint64(seq), 10)
	}
	return "consent " + strings.Join(text, ", ")
}

// WriteJSON writes an account as JSON.
func (a Account) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}

// csvHeader names the columns.
var csvHeader = []string{
	"use", "time", "recipient", "member", "address", "people", "roles", "on behalf of", "data", "count", "labels", "purpose", "action", "outcome",
	"basis", "text hashes", "policy", "channel", "client", "request id", "sentence", "record", "commitment",
}

// WriteCSV writes a line for each access (RFC 4180). No cell is a formula.
func (a Account) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	err := c.Write(csvHeader)
	for i := range a.Lines {
		if err == nil {
			err = c.Write(proof.Guard(a.Lines[i].cells()))
		}
	}
	c.Flush()
	if err == nil {
		err = c.Error()
	}
	if err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}

func (l *Line) cells() []string {
	var texts []string
	for _, c := range l.Consents {
		if !c.TextHash.IsZero() {
			texts = append(texts, c.TextHash.String())
		}
	}
	policy := ""
	if !l.Policy.IsZero() {
		policy = l.Policy.String()
	}
	join := func(in []string) string { return strings.Join(in, "; ") }
	return []string{
		strconv.FormatUint(uint64(l.Use), 10), l.Time, l.Recipient, string(l.Member), l.Address, join(l.People), join(l.Roles), l.OnBehalf, l.Data,
		strconv.Itoa(l.Count), join(l.Labels), l.Purpose, l.Action, l.Outcome, l.Basis, join(texts), policy, l.Channel, l.Client,
		l.RequestID, l.Sentence, strconv.FormatUint(uint64(l.Record), 10), l.Commitment.String(),
	}
}

// page has no script and loads nothing: it can be kept, printed and mailed.
var page = template.Must(template.New("account").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 1rem/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption, th, td { text-align: left; vertical-align: top; }
th, td { border-bottom: 1px solid #595959; padding: 0.4rem; overflow-wrap: anywhere; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>For handle {{.Subject}}, from {{.From}} to {{.Until}}.</p>
<table>
<caption>{{len .Lines}} of {{.Uses}} recorded uses count under this law.</caption>
<thead><tr><th scope="col">When (UTC)</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Why</th><th scope="col">On what basis</th></tr></thead>
<tbody>
{{range .Lines}}<tr><td>{{.Time}}</td><td>{{.Recipient}}{{range .People}}<br>{{.}}{{end}}{{range .Roles}}<br>{{.}}{{end}}{{with .Address}}<br>{{.}}{{end}}</td><td>{{.Data}}{{range .Labels}}<br>label {{.}}{{end}}</td><td>{{.Purpose}}{{with .Action}}<br>{{.}}{{end}}</td><td>{{.Basis}}<br>use {{.Use}}: {{.Sentence}}</td></tr>
{{else}}<tr><td colspan="5">Nobody, as far as Volens decides it.</td></tr>
{{end}}</tbody>
</table>
<p>The list was checked when it was made: each use is in the custodian's log of {{.Size}} records with root {{.Root}}, and none of this handle is
left out. Not in it: {{.Missing}}. Retention: {{.Retention}}.</p>
</body>
</html>
`))

// WriteHTML writes a page to print.
func (a Account) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, a); err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}
