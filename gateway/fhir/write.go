package fhir

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Write writes a document as a FHIR Consent of a release. What it returns reads back, in strict mode too when the document names
// a patient, as the same consent, its rules in the order of the tree (each right before those within it), which changes no
// decision. It fails where that is not so, for instance for a reference that FHIR could not hold.
func Write(d Document, v Version) ([]byte, error) {
	if err := d.Consent.Check(); err != nil {
		return nil, fmt.Errorf("write FHIR Consent: %w", err)
	}
	d.Consent.Provisions = inOrder(d.Consent.Provisions)
	b, err := write(d, v)
	if err != nil {
		return nil, fmt.Errorf("write FHIR Consent: %w", err)
	}
	again, err := Read(b, ReadOptions{Version: v, Strict: d.Patient.Names() != nil})
	if err != nil {
		return nil, fmt.Errorf("write FHIR Consent: it cannot be said in FHIR: %w", err)
	}
	if consent.Commitment(&consent.ConsentAttest{Consent: again.Consent}) != consent.Commitment(&consent.ConsentAttest{Consent: d.Consent}) {
		return nil, errors.New("write FHIR Consent: it cannot be said in FHIR")
	}
	return b, nil
}

// InOrder returns a consent with its rules in the order of the tree, as Write writes them.
func InOrder(k consent.Consent) consent.Consent {
	if len(k.Provisions) > 0 {
		k.Provisions = inOrder(k.Provisions)
	}
	return k
}

// inOrder puts rules in the order of the tree.
func inOrder(list []consent.Provision) []consent.Provision {
	within := make([][]int, len(list))
	for i := 1; i < len(list); i++ {
		within[list[i].Parent] = append(within[list[i].Parent], i)
	}
	out := make([]consent.Provision, 0, len(list))
	var add func(i, parent int)
	add = func(i, parent int) {
		p, at := list[i], len(out)
		p.Parent = consent.Uint64(parent) //nolint:gosec // an index
		out = append(out, p)
		for _, j := range within[i] {
			add(j, at)
		}
	}
	add(0, 0)
	return out
}

func write(d Document, v Version) ([]byte, error) {
	w := writer{version: v, in: &d.Consent, out: resource{ResourceType: "Consent", ID: d.ID, Status: StatusIn(d.Status, v)}}
	if d.VersionID != "" || d.LastUpdated != 0 {
		w.out.Meta = &meta{VersionID: d.VersionID, LastUpdated: w.stamp(d.LastUpdated)}
	}
	for _, c := range d.Consent.Categories {
		w.out.Category = append(w.out.Category, concept{Coding: []coding{coding(c)}})
	}
	for _, id := range d.Consent.Identifiers {
		w.out.Identifier = append(w.out.Identifier, identifier(id))
	}
	if d.Signed != nil {
		w.extend(extension{URL: ExtSigned, ValueBoolean: d.Signed})
	}
	if d.Message != "" {
		w.extend(extension{URL: ExtSignedMessage, ValueString: d.Message})
	}
	w.terms()
	if v == R4 {
		w.r4(&d)
	} else {
		w.r5(&d)
	}
	if w.err != nil {
		return nil, w.err
	}
	return json.Marshal(&w.out)
}

// StatusIn says a status in the words of a release; what it has no word for was never in force.
func StatusIn(status string, v Version) string {
	switch {
	case slices.Contains(statuses[v], status):
		return status
	case v == R4 && status == "not-done":
		return "rejected"
	case v == R5 && status == "rejected":
		return "not-done"
	case status == "proposed":
		return "draft"
	}
	return "inactive"
}

type writer struct {
	version Version
	in      *consent.Consent
	out     resource
	err     error
}

func (w *writer) extend(e extension) { w.out.Extension = append(w.out.Extension, e) }

func (w *writer) restrict(e extension) {
	w.out.ModifierExtension = append(w.out.ModifierExtension, e)
}

// stamp and period keep the first error.
func (w *writer) stamp(t consent.Millis) string {
	if t == 0 {
		return ""
	}
	s, err := stamp(t)
	if err != nil {
		w.err = err
	}
	return s
}

func (w *writer) period(p consent.Period) *period {
	out, err := whole(p)
	if err != nil {
		w.err = err
	}
	return out
}

func (w *writer) terms() {
	c := w.in
	if c.TextHash != (consent.Hash{}) {
		w.extend(extension{URL: extTextHash, ValueString: hex.EncodeToString(c.TextHash[:])})
	}
	if c.Locale != "" {
		w.extend(extension{URL: extTextLocale, ValueString: c.Locale})
	}
	if c.MaxUses != 0 {
		w.restrict(extension{URL: extMaxUses, ValueString: strconv.FormatUint(uint64(c.MaxUses), 10)})
	}
	if c.EraseBy != 0 {
		w.restrict(extension{URL: extEraseBy, ValueDateTime: w.stamp(c.EraseBy)})
	}
	if c.AccessMode != "" {
		w.restrict(extension{URL: extAccessMode, ValueCode: c.AccessMode})
	}
}

// r4 writes what R4 says in its own way. Where it requires an element that the consent does not have, it has words only,
// which read back as nothing.
func (w *writer) r4(d *Document) {
	c := w.in
	w.out.Patient = subject(d.Patient)
	w.out.DateTime = w.stamp(c.RecordedAt)
	w.out.Performer, w.out.Organization = references(c.Grantors), references(c.Controllers)
	for _, g := range references(c.Grantees) {
		w.extend(extension{URL: extGrantee, ValueReference: &g})
	}
	w.out.Scope = &concept{Text: "not stated"}
	if c.Kind != "" {
		w.out.Scope = &concept{Coding: []coding{{systemScope, c.Kind}}}
	}
	if len(w.out.Category) == 0 {
		w.out.Category = []concept{{Text: "not stated"}}
	}
	w.policies4()
	root := w.rules()
	switch own := c.Provisions[0].Period; {
	case c.Period == own:
	case c.Period == consent.Period{}:
		yes := true
		w.extend(extension{URL: extRulePeriod, ValueBoolean: &yes})
	default:
		w.restrict(extension{URL: extPeriod, ValuePeriod: w.period(c.Period)})
	}
	w.out.Provision = w.raw(root)
}

func (w *writer) raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		w.err = err
	}
	return b
}

// policies4 puts the codes at the end of the list into policyRule and everything before them into policy. A code for
// another base than the root's goes into policy, where it is no base.
func (w *writer) policies4() {
	list := w.in.Policies
	n := len(list)
	for n > 0 && isCode(list[n-1]) {
		if e, ok := bases[list[n-1][strings.LastIndexByte(list[n-1], '|')+1:]]; ok && e != w.in.Base() {
			break
		}
		n--
	}
	for _, p := range list[:n] {
		w.out.Policy = append(w.out.Policy, policy{p})
	}
	switch {
	case n < len(list):
		w.out.PolicyRule = &concept{Coding: codes(list[n:])}
	case n == 0:
		w.out.PolicyRule = &concept{Text: "not stated"}
	}
}

// isCode tells system|code from the URI of a policy.
func isCode(p string) bool {
	i := strings.LastIndexByte(p, '|')
	return i > 0 && i+1 < len(p) && strings.Contains(p[:i], "/CodeSystem/") && !strings.Contains(p[:i], "|")
}

func codes(ps []string) (out []coding) {
	for _, p := range ps {
		i := strings.LastIndexByte(p, '|')
		out = append(out, coding{p[:i], p[i+1:]})
	}
	return out
}

// r5 writes what R5 says in its own way.
func (w *writer) r5(d *Document) {
	c := w.in
	w.out.Subject = subject(d.Patient)
	w.out.Period = w.period(c.Period)
	w.out.Grantor, w.out.Grantee, w.out.Controller = references(c.Grantors), references(c.Grantees), references(c.Controllers)
	if c.Kind != "" {
		w.extend(extension{URL: extScope, ValueConcept: &concept{Coding: []coding{{systemScope, c.Kind}}}})
	}
	if at := w.stamp(c.RecordedAt); at != "" {
		w.out.Date = at[:len("2006-01-02")]
		if c.RecordedAt%(24*3600*1000) != 0 {
			w.extend(extension{URL: extDateTime, ValueDateTime: at})
		}
	}
	w.policies5()
	w.out.Decision = string(c.Base())
	root := w.rules()
	if bare(root) {
		if len(root.Provision) > 0 {
			w.out.Provision = w.raw(root.Provision)
		}
		return
	}
	yes := true
	root.ModifierExtension = append(root.ModifierExtension, extension{URL: extRoot, ValueBoolean: &yes})
	w.out.Provision = w.raw([]*provision{root})
}

// policies5 uses regulatoryBasis and policyBasis.url where they keep the order: codes first, then one URI.
func (w *writer) policies5() {
	list := w.in.Policies
	n := 0
	for n < len(list) && isCode(list[n]) {
		n++
	}
	if n+1 < len(list) {
		for _, p := range list {
			w.extend(extension{URL: extPolicy, ValueString: p})
		}
		return
	}
	for _, c := range codes(list[:n]) {
		w.out.RegulatoryBasis = append(w.out.RegulatoryBasis, concept{Coding: []coding{c}})
	}
	if n < len(list) {
		w.out.PolicyBasis = &basis{list[n]}
	}
}

func subject(r Reference) *Reference {
	if r.Reference == "" && r.Identifier == nil {
		return nil
	}
	return &r
}

// references writes names: Organization/1 as a literal reference, system|value as a logical one.
func references(names []string) (out []Reference) {
	for _, n := range names {
		out = append(out, NewReference(n))
	}
	return out
}

// NewReference is a literal reference, or a logical one for a name in the form system|value.
func NewReference(name string) Reference {
	if i := strings.LastIndexByte(name, '|'); i >= 0 {
		return Reference{Identifier: &identifier{name[:i], name[i+1:]}}
	}
	return Reference{Reference: name}
}
