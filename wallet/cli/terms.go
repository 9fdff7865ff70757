package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/passport"
	"github.com/volens-ledger/volens/wallet/online"
)

// terms are the flags that describe a consent.
type terms struct {
	file                                      string
	to, purposes, actions, types, labels      []string
	denyTypes, denyLabels, uses, visas        []string
	from, until, dataFrom, dataUntil, eraseBy string
	mode, kind, locale, text, policy          string
	maxUses                                   uint64
	deny                                      bool
}

func (t *terms) flags(f *pflag.FlagSet) {
	f.StringVar(&t.file, "file", "", "the consent as JSON, instead of the flags below (as \"consent list --json\" shows it)")
	f.StringArrayVar(&t.to, "to", nil, "member that may have the data; may be repeated. With a colon, somebody of a member: city-hospital:Practitioner/bob")
	f.StringArrayVar(&t.purposes, "purpose", nil, "purpose of use (v3-ActReason: TREAT, HRESCH, …); may be repeated")
	f.StringArrayVar(&t.actions, "action", nil, "what they may do (FHIR consentaction: access, use, disclose, …); may be repeated; none means anything")
	f.StringArrayVar(&t.types, "type", nil, "FHIR resource type; may be repeated; none means all")
	f.StringArrayVar(&t.labels, "label", nil, "security label that the data must bear (N, R, …); may be repeated")
	f.StringArrayVar(&t.denyTypes, "except-type", nil, "resource type that stays closed; may be repeated")
	f.StringArrayVar(&t.denyLabels, "except-label", nil, "security label whose data stays closed (R, PSY, …); may be repeated")
	f.StringSliceVar(&t.uses, "data-use", nil, "only for studies that these terms permit: DUO (GRU, HMB, DS, NPU, …) and diseases (MONDO:0005148), with commas")
	f.StringArrayVar(&t.visas, "visa", nil, "only for researchers who show this GA4GH visa: its type, or type=value; may be repeated")
	f.StringVar(&t.from, "from", "", "from this day or instant on (RFC 3339, UTC)")
	f.StringVar(&t.until, "until", "", "up to and with this day, or until just before this instant")
	f.StringVar(&t.dataFrom, "data-from", "", "only data from this day or instant on")
	f.StringVar(&t.dataUntil, "data-until", "", "only data up to this day or instant")
	f.Uint64Var(&t.maxUses, "max-uses", 0, "permit this many uses at most")
	f.StringVar(&t.eraseBy, "erase-by", "", "recipients erase what they hold by this day or instant")
	f.StringVar(&t.mode, "mode", "", "view or store")
	f.StringVar(&t.kind, "kind", "patient-privacy", "FHIR scope: patient-privacy, research, treatment, adr")
	f.StringVar(&t.locale, "locale", "en", "language of the text you read (BCP 47)")
	f.StringVar(&t.text, "text", "", "file with the exact text you read; its SHA-256 is signed")
	f.StringVar(&t.policy, "policy", "", "URI of a policy that it follows")
	f.BoolVar(&t.deny, "deny", false, "forbid instead of permit")
}

// given reports whether any rule was described.
func (t *terms) given() bool {
	return t.file != "" || len(t.to)+len(t.purposes)+len(t.types)+len(t.denyTypes)+len(t.denyLabels)+len(t.labels) > 0
}

// consent makes the consent that the flags describe.
func (t *terms) consent(now time.Time) (c consent.Consent, err error) {
	if t.file != "" {
		return readConsent(t.file)
	}
	if len(t.to) == 0 {
		return c, Usage("--to says who may have the data")
	}
	c = consent.Consent{
		Kind: t.kind, RecordedAt: consent.Millis(now.UnixMilli()), Locale: t.locale, MaxUses: consent.Uint64(t.maxUses), AccessMode: t.mode,
	}
	root := consent.Provision{
		Effect: consent.Permit, Purposes: codings(policies.SystemPurpose, t.purposes), Actions: codings(policies.SystemAction, t.actions),
		ResourceTypes: codings(policies.SystemResourceType, t.types), Labels: labels(t.labels), Recipients: recipients(t.to),
	}
	if t.deny {
		root.Effect = consent.Deny
	}
	if t.policy != "" {
		c.Policies = []string{t.policy}
	}
	if err = t.research(&c); err != nil {
		return c, err
	}
	if c.Period, err = period(t.from, t.until); err != nil {
		return c, err
	}
	if root.DataPeriod, err = period(t.dataFrom, t.dataUntil); err != nil {
		return c, err
	}
	if c.EraseBy, err = moment(t.eraseBy, true); err != nil {
		return c, err
	}
	if t.text != "" {
		b, err := os.ReadFile(t.text)
		if err != nil {
			return c, fmt.Errorf("read the text: %w", err)
		}
		c.TextHash = sha256.Sum256(b)
	}
	c.Provisions = append([]consent.Provision{root}, t.exceptions(root.Effect)...)
	if err := c.Check(); err != nil {
		return c, Usage("%w", err)
	}
	return c, nil
}

// research adds what studies the consent permits.
func (t *terms) research(c *consent.Consent) error {
	for _, name := range t.uses {
		curie, known := duo.Curie(name)
		if !known {
			return Usage("--data-use %q is neither a term of DUO nor a disease such as MONDO:0005148", name)
		}
		c.Policies = append(c.Policies, duo.IRI(curie))
	}
	for _, v := range t.visas {
		kind, _, _ := strings.Cut(v, "=")
		if valid, _ := passport.Type(kind); !valid {
			return Usage("--visa %q is no type of GA4GH visa", v)
		}
		c.Policies = append(c.Policies, policies.SystemVisa+v)
	}
	return nil
}

// exceptions are nested rules with the opposite effect, one for types and one for labels: either is enough.
func (t *terms) exceptions(effect consent.Effect) (ps []consent.Provision) {
	opposite := consent.Deny
	if effect == consent.Deny {
		opposite = consent.Permit
	}
	if len(t.denyTypes) > 0 {
		ps = append(ps, consent.Provision{Effect: opposite, ResourceTypes: codings(policies.SystemResourceType, t.denyTypes)})
	}
	if len(t.denyLabels) > 0 {
		ps = append(ps, consent.Provision{Effect: opposite, Labels: labels(t.denyLabels)})
	}
	return ps
}

func readConsent(path string) (consent.Consent, error) {
	var c consent.Consent
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return c, fmt.Errorf("read the consent: %w", err)
	}
	if err := strict(b, &c); err != nil {
		return c, Usage("read the consent %s: %w", path, err)
	}
	return c, c.Check()
}

func codings(system string, codes []string) []consent.Coding {
	var cs []consent.Coding
	for _, c := range codes {
		cs = append(cs, consent.Coding{System: system, Code: c})
	}
	return cs
}

// labels reads confidentiality marks and, for all others, v3-ActCode.
func labels(codes []string) []consent.Coding {
	var cs []consent.Coding
	for _, c := range codes {
		system := policies.SystemActCode
		if policies.Confidentiality(c) >= 0 {
			system = policies.SystemConfidentiality
		}
		cs = append(cs, consent.Coding{System: system, Code: c})
	}
	return cs
}

func recipients(to []string) []consent.Recipient {
	var rs []consent.Recipient
	for _, who := range to {
		reference := who
		if isMemberID(who) {
			reference = "Organization/" + who
		}
		rs = append(rs, consent.Recipient{Role: consent.Coding{System: online.SystemParticipation, Code: "IRCP"}, Reference: reference})
	}
	return rs
}

func isMemberID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func period(from, until string) (p consent.Period, err error) {
	if p.Start, err = moment(from, false); err == nil {
		p.End, err = moment(until, true)
	}
	return p, err
}

// moment reads a day (its beginning, or with end its end) or an instant.
func moment(text string, end bool) (consent.Millis, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			d = d.AddDate(0, 0, 1)
		}
		return consent.Millis(d.UnixMilli()), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, Usage("%q is neither a day (2027-01-31) nor an instant (2027-01-31T12:00:00Z)", text)
	}
	return consent.Millis(t.UnixMilli()), nil
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
