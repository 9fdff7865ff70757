package takeout

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Schema is the profile of TS 27560 that a receipt conforms to.
const Schema = "https://w3id.org/dpv/schema/dpv-27560#receipt"

// The versions of this package's mapping. Another mapping gets another number, and the old ones stay, so that receipts can be
// checked for ever. The first knew no time of issue, and none but signed consents.
const (
	firstMapping = "1"
	mapping      = "2"
)

// Receipt is a consent receipt by ISO/IEC TS 27560:2023 in JSON-LD.
type Receipt struct {
	Context    map[string]string `json:"@context"`
	ID         string            `json:"@id"`
	Type       string            `json:"@type"`
	ConformsTo string            `json:"dct:conformsTo"`
	Identifier string            `json:"dct:identifier"` // of the record
	Issued     string            `json:"dct:issued,omitempty"`
	SignedBy   string            `json:"volens:signedBy,omitempty"` // subject, delegate, or custodian: then the person has signed nothing
	Subject    string            `json:"dpv:hasDataSubject"`
	Notice     notice            `json:"dpv:hasNotice"`
	Process    []process         `json:"dpv:hasProcess"`
	Parties    []party           `json:"dpv:hasEntity"`
	Events     []event           `json:"dpv:hasConsent"`
	Mapping    string            `json:"volens:mapping"`
	Evidence   Evidence          `json:"volens:evidence"`
}

type notice struct {
	Type     string   `json:"@type"`
	Text     string   `json:"dct:identifier"` // digest of the exact text that the person saw
	Language string   `json:"dct:language"`
	Policies []string `json:"dct:references,omitempty"`
}

type process struct {
	Type         string      `json:"@type"`
	Permitted    bool        `json:"volens:permitted"` // false: what the person refuses
	Purposes     []coded     `json:"dpv:hasPurpose"`
	Data         []coded     `json:"dpv:hasPersonalData"`
	Processing   []coded     `json:"dpv:hasProcessing,omitempty"`
	Controllers  []string    `json:"dpv:hasDataController"`
	Recipients   []string    `json:"dpv:hasRecipient"`
	Basis        string      `json:"dpv:hasLegalBasis"`
	Storage      []condition `json:"dpv:hasStorageCondition"`
	Jurisdiction string      `json:"dpv:hasJurisdiction"`
	Control      condition   `json:"dpv:hasConsentControl"`
	Rights       []string    `json:"dpv:hasRight"`
}

type coded struct {
	Type string `json:"@type"`
	Code string `json:"dct:identifier"`
}

type condition struct {
	Type  string `json:"@type"`
	Text  string `json:"dct:description"`
	Until string `json:"dct:date,omitempty"`
	URL   string `json:"schema:url,omitempty"`
}

type party struct {
	ID      string `json:"@id"`
	Type    string `json:"@type"`
	Name    string `json:"dpv:hasName"`
	Address string `json:"dpv:hasAddress"`
	Contact string `json:"dpv:hasContact"`
}

type event struct {
	Type   string `json:"@type"`
	State  string `json:"dpv:hasConsentStatus"`
	Time   string `json:"dct:date"`
	Valid  string `json:"dct:valid"`
	Entity string `json:"dpv:isIndicatedBy"`
	Note   string `json:"dct:description,omitempty"`
}

var context = map[string]string{
	"dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/", "schema": "https://schema.org/", "volens": "urn:volens:vocabulary:",
}

// New makes the receipt of a consent, in the state that it has when Evidence.Stated says that the receipt was issued. It fails
// with ErrRefused when the evidence does not hold.
func New(e Evidence) (Receipt, error) { return issue(e, mapping) }

func issue(e Evidence, mapping string) (Receipt, error) {
	f, err := e.prove()
	if err == nil {
		err = f.sayable(e.Stated, mapping)
	}
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{
		Context: context, ID: "urn:volens:receipt:" + hex.EncodeToString(f.commit[:]), Type: "dpv:ConsentReceipt", ConformsTo: Schema,
		Identifier: fmt.Sprintf("%s/consent/%d", subjectURN(f.link.Handle), f.link.Seq), Subject: subjectURN(f.link.Handle),
		Notice: notice{
			Type: "dpv:ConsentNotice", Text: "sha256:" + hex.EncodeToString(f.consent.TextHash[:]), Language: orElse(f.consent.Locale, "und"),
			Policies: f.consent.Policies,
		},
		Mapping: mapping, Evidence: e,
	}
	members := []consent.MemberID{f.custodian}
	for i := range f.consent.Provisions {
		p, named := f.process(i, e.Stated)
		r.Process = append(r.Process, p)
		members = append(members, named...)
	}
	slices.Sort(members)
	for _, id := range slices.Compact(members) {
		if p, ok := f.party(id); ok {
			r.Parties = append(r.Parties, p)
		}
	}
	r.Events = f.events(&e)
	switch {
	case mapping != firstMapping:
		r.Issued, r.SignedBy = date(e.Stated.Issued), string(f.owner())
		if f.consent.TextHash.IsZero() {
			r.Notice.Text = "not recorded"
		}
		r.Events = append(r.Events, f.later(e.Stated)...)
	case f.ended != 0: // it named who gave the consent there
		r.Events[1].Entity = r.Events[0].Entity
	}
	return r, nil
}

// sayable refuses what a mapping has no words for.
func (f *facts) sayable(s Stated, mapping string) error {
	switch {
	case mapping != firstMapping:
		if s.Issued <= 0 {
			return fmt.Errorf("%w: it does not say when it was issued", ErrRefused)
		}
	case f.kind == attested, f.endedHow != "", f.endedBy == byCustodian, s.Issued != 0, s.Gone:
		return fmt.Errorf("%w: mapping %s cannot say this", ErrRefused, mapping)
	}
	return nil
}

// owner is who stands behind the consent: it is the person's own once she has confirmed it.
func (f *facts) owner() signer {
	if f.confirmed != 0 {
		return bySubject
	}
	return f.by
}

func subjectURN(h consent.SubjectID) string { return "urn:volens:subject:" + h.String() }

func memberURN(id consent.MemberID) string { return "urn:volens:member:" + string(id) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Member is the member that a FHIR reference in a consent names.
func Member(reference string) (consent.MemberID, bool) {
	id, ok := strings.CutPrefix(reference, "Organization/")
	return consent.MemberID(id), ok
}

// process maps rule i, with the elements that it inherits from the rules above.
func (f *facts) process(i int, s Stated) (process, []consent.MemberID) {
	rule := f.consent.Provisions[i]
	p := process{
		Type: "dpv:Process", Permitted: rule.Effect == consent.Permit, Basis: expressed(f.owner()),
		Purposes:     codes("dpv:Purpose", "any", inherited(f.consent, i, func(p consent.Provision) []consent.Coding { return p.Purposes })),
		Data:         codes("dpv:SpecialCategoryPersonalData", "any health data", slices.Concat(rule.ResourceTypes, rule.Codes, rule.Labels)),
		Processing:   codes("dpv:Processing", "", inherited(f.consent, i, func(p consent.Provision) []consent.Coding { return p.Actions })),
		Controllers:  append([]string{memberURN(f.custodian)}, f.consent.Controllers...),
		Jurisdiction: orElse(s.Jurisdiction, "not stated by the custodian"),
		Control: condition{
			Type: "dpv:WithdrawConsent", Text: "sign a revocation in the wallet, at any time and without giving a reason", URL: s.Gateway,
		},
		Rights: []string{"dpv:RightToWithdrawConsent", "dpv:RightOfAccess", "dpv:RightToErasure"},
	}
	p.Storage = []condition{
		{Type: "dpv:StorageLocation", Text: "with the custodian; jurisdiction as stated: " + p.Jurisdiction},
		f.deletion(),
	}
	var members []consent.MemberID
	for _, r := range inherited(f.consent, i, func(p consent.Provision) []consent.Recipient { return p.Recipients }) {
		if id, ok := Member(r.Reference); ok {
			members = append(members, id)
			p.Recipients = append(p.Recipients, memberURN(id))
		} else {
			p.Recipients = append(p.Recipients, orElse(r.Reference, r.Role.Code))
		}
	}
	if len(p.Recipients) == 0 {
		p.Recipients = []string{"any"}
	}
	return p, members
}

// deletion says until when recipients may keep what they got.
func (f *facts) deletion() condition {
	switch {
	case f.consent.EraseBy != 0:
		return condition{Type: "dpv:StorageDeletion", Text: "recipients erase what they hold by this date", Until: date(f.consent.EraseBy)}
	case f.consent.Period.End != 0:
		return condition{Type: "dpv:StorageDuration", Text: "until the consent ends; no date of erasure is set", Until: date(f.consent.Period.End)}
	}
	return condition{Type: "dpv:StorageDuration", Text: "until the consent is withdrawn; no date of erasure is set"}
}

// inherited is an element of rule i, or of the nearest rule above that has it.
func inherited[T any](c consent.Consent, i int, of func(consent.Provision) []T) []T {
	for {
		if v := of(c.Provisions[i]); len(v) > 0 || i == 0 {
			return v
		}
		i = int(c.Provisions[i].Parent) //nolint:gosec // below i: the contract saw to that
	}
}

func codes(kind, none string, cs []consent.Coding) []coded {
	var out []coded
	for _, c := range cs {
		text := c.Code
		if c.System != "" {
			text = c.System + "|" + c.Code
		}
		out = append(out, coded{kind, text})
	}
	if len(out) == 0 && none != "" {
		out = []coded{{kind, none}}
	}
	return out
}

// party describes a member as the authorities admitted it. The ledger knows no postal address: the member's own page, which
// they signed, is where address and contact are found.
func (f *facts) party(id consent.MemberID) (party, bool) {
	m, ok := f.roster.Member(id)
	if !ok {
		return party{}, false
	}
	kind := "dpv:Recipient"
	if id == f.custodian {
		kind = "dpv:DataController"
	}
	where := orElse(m.URL, "ask the ledger's authorities")
	return party{memberURN(id), kind, m.Name, where, where}, true
}

// expressed is how a consent is expressed by whom. What a custodian enters is somebody's consent, and no signature of hers.
func expressed(by signer) string {
	if by == byCustodian {
		return "dpv:Consent"
	}
	return "dpv:ExplicitlyExpressedConsent"
}

// entity names who expressed the consent, or ended it; delegation is the one that was used, if any.
func (f *facts) entity(by signer, delegation *consent.Delegate) string {
	switch {
	case by == byCustodian:
		return memberURN(f.custodian)
	case by == byDelegate && delegation != nil:
		return fmt.Sprintf("%s/delegation/%d", subjectURN(f.link.Handle), delegation.Seq)
	}
	return subjectURN(f.link.Handle)
}

func (f *facts) events(e *Evidence) []event {
	state := "dpv:ConsentGiven"
	if f.kind == "ConsentDecline" || f.consent.Base() == consent.Deny {
		state = "dpv:ConsentRefused"
	}
	valid := "from " + date(max(f.given, f.consent.Period.Start)) + " until withdrawn"
	if f.consent.Period.End != 0 {
		valid = "from " + date(max(f.given, f.consent.Period.Start)) + " until before " + date(f.consent.Period.End)
	}
	first := event{expressed(f.by), state, date(f.given), valid, f.entity(f.by, e.Consent.Message.Openings.Delegation), ""}
	if f.by == byCustodian {
		first.Note = f.attestation()
	}
	out := []event{first}
	if f.confirmed != 0 {
		out = append(out, event{expressed(bySubject), state, date(f.confirmed), valid, subjectURN(f.link.Handle), "confirmed by the person's own signature"})
	}
	if f.ended != 0 {
		how := "dpv:ConsentWithdrawn"
		if f.endedBy == byCustodian {
			how = "dpv:ConsentRevoked"
		}
		out = append(out, event{expressed(f.owner()), how, date(f.ended), "over", f.entity(f.endedBy, e.Ended.Message.Openings.Delegation), f.endedHow})
	}
	return out
}

// attestation says what an entry by the custodian is, and is not.
func (f *facts) attestation() string {
	text := "entered by the custodian, who states that the person expressed it elsewhere, as on paper"
	if f.consent.RecordedAt != 0 {
		text += " on " + date(f.consent.RecordedAt)
	}
	return text + ", and signed by the custodian, not by the person; the custodian's document has the SHA-256 " + hex.EncodeToString(f.document[:])
}

// later is what no message says: that the consent had run out when the receipt was issued, or that nobody could tell.
func (f *facts) later(s Stated) []event {
	kind, who := expressed(f.owner()), memberURN(f.custodian)
	switch {
	case f.ended != 0 || f.kind == "ConsentDecline":
		return nil
	case f.consent.Period.End != 0 && f.consent.Period.End <= s.Issued:
		return []event{{kind, "dpv:ConsentExpired", date(f.consent.Period.End), "over", who, "by its own end"}}
	case s.Gone:
		return []event{{
			kind, "dpv:ConsentUnknown", date(s.Issued), "not known", who,
			"the custodian's gateway did not know the subject any more when this was issued, as after an erasure",
		}}
	}
	return nil
}

func date(t consent.Millis) string { return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339) }

// Format writes the receipt.
func (r Receipt) Format() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("write the receipt: %w", err)
	}
	return out.Bytes(), nil
}

// Check reads a receipt and checks it offline: its evidence, and that it says what its evidence says, nothing more. The error
// is ErrRefused. Whether the ledger is the right one is for the caller to see, from Evidence.Genesis and Evidence.LogKey.
func Check(b []byte) (Receipt, error) {
	var in struct {
		Mapping  string   `json:"volens:mapping"`
		Evidence Evidence `json:"volens:evidence"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if in.Mapping != mapping && in.Mapping != firstMapping {
		return Receipt{}, fmt.Errorf("%w: it is of mapping %q, and this program knows %q and %q", ErrRefused, in.Mapping, firstMapping, mapping)
	}
	r, err := issue(in.Evidence, in.Mapping)
	if err != nil {
		return r, err
	}
	again, err := r.Format()
	if err != nil {
		return r, err
	}
	if !same(b, again) {
		return r, fmt.Errorf("%w: it says something else than its evidence", ErrRefused)
	}
	return r, nil
}

// same compares JSON but for the space between its tokens.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return errors.Join(json.Compact(&x, a), json.Compact(&y, b)) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
