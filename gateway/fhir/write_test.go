package fhir_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// dice makes consents that say anything a consent can say.
type dice struct{ *rand.Rand }

func (r dice) one(ss ...string) string { return ss[r.IntN(len(ss))] }

func (r dice) some(of func() string) (out []string) {
	for range r.IntN(3) {
		out = append(out, of())
	}
	return out
}

func (r dice) coding() consent.Coding {
	return consent.Coding{System: r.one("", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "urn:x"), Code: r.one("TREAT", "HRESCH", "A-1")}
}

func (r dice) codings() (out []consent.Coding) {
	for range r.IntN(3) {
		out = append(out, r.coding())
	}
	return out
}

func (r dice) name() string {
	return r.one("Organization/rosa", "city-hospital:Practitioner/bob", "urn:oid:1.2|77", "|x", "http://a.example/fhir/Group/1")
}

func (r dice) millis() consent.Millis {
	return consent.Millis(r.Int64N(4_000_000_000_000)) + 1_000
}

func (r dice) period() consent.Period {
	start := r.millis()
	switch r.IntN(5) {
	case 0:
		return consent.Period{Start: start / 1000 * 1000}
	case 1:
		return consent.Period{End: start}
	case 2:
		return consent.Period{Start: start, End: start + consent.Millis(r.IntN(3)) + 1}
	case 3:
		return consent.Period{Start: start / 1000 * 1000, End: start/1000*1000 + 86_400_000}
	}
	return consent.Period{}
}

func (r dice) effect() consent.Effect {
	return consent.Effect(r.one("permit", "deny"))
}

func (r dice) provision() consent.Provision {
	p := consent.Provision{
		Effect: r.effect(), Period: r.period(), Roles: r.codings(), Actions: r.codings(), Purposes: r.codings(),
		Codes: r.codings(), Labels: r.codings(), DataPeriod: r.period(),
	}
	for range r.IntN(3) {
		to := consent.Recipient{Reference: r.name()}
		if r.IntN(2) == 0 {
			to.Role = r.coding()
		}
		p.Recipients = append(p.Recipients, to)
		p.Data = append(p.Data, consent.DataReference{Meaning: r.one("instance", "related", "dependents", "authoredby"), Reference: "Encounter/1"})
	}
	for range r.IntN(3) {
		system := r.one("http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types", "urn:ietf:rfc:3986", "")
		p.ResourceTypes = append(p.ResourceTypes, consent.Coding{System: system, Code: "Observation"})
	}
	if r.IntN(3) == 0 {
		return consent.Provision{Effect: p.Effect}
	}
	return p
}

func (r dice) consent() consent.Consent {
	c := consent.Consent{
		Kind: r.one("", "research", "patient-privacy"), Categories: r.codings(), RecordedAt: consent.Millis(r.IntN(2)) * r.millis(),
		Grantors: r.some(r.name), Grantees: r.some(r.name), Controllers: r.some(r.name), Period: r.period(),
		Policies: r.some(func() string {
			return r.one("http://example.org/policy", "http://example.org/p|1.0", "http://terminology.hl7.org/CodeSystem/v3-ActCode|OPTIN",
				"http://terminology.hl7.org/CodeSystem/v3-ActCode|OPTOUT", "http://terminology.hl7.org/CodeSystem/v3-ActCode|INFA")
		}),
		Locale: r.one("", "de-CH"), MaxUses: consent.Uint64(r.IntN(2)) << r.IntN(62), EraseBy: consent.Millis(r.IntN(2)) * r.millis(), //nolint:gosec // small
		AccessMode: r.one("", "view", "store"),
	}
	for range r.IntN(3) {
		c.Identifiers = append(c.Identifiers, consent.Identifier{System: r.one("", "urn:x"), Value: "7"})
	}
	if r.IntN(2) == 0 {
		c.TextHash[5] = 1
	}
	if r.IntN(2) == 0 {
		c.Provisions = []consent.Provision{{Effect: r.effect()}}
	} else {
		c.Provisions = []consent.Provision{r.provision()}
	}
	if r.IntN(3) == 0 {
		c.Period = c.Provisions[0].Period
	}
	// Rules in the order in which a tree is written, parents right before their children.
	for path := []int{0}; r.IntN(4) > 0; {
		path = path[:1+r.IntN(min(len(path), 3))]
		p := r.provision()
		p.Parent = consent.Uint64(path[len(path)-1]) //nolint:gosec // an index
		path = append(path, len(c.Provisions))
		c.Provisions = append(c.Provisions, p)
	}
	return c
}

// TestRoundTrip: whatever a consent says, it is the same after it was written and read, in either release.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		d := fhir.Document{ID: "c1", Status: "active", Patient: fhir.NewReference("Patient/1"), Consent: dice{rand.New(rand.NewPCG(seed, 1))}.consent()} //nolint:gosec // not for secrets
		for _, v := range []fhir.Version{fhir.R4, fhir.R5} {
			b, err := fhir.Write(d, v)
			if err != nil {
				t.Fatalf("%d: %s: %v\n%+v", seed, v, err, d.Consent)
			}
			again, err := fhir.Read(b, fhir.ReadOptions{Strict: true}) // and finds out which release it is
			if err != nil {
				t.Fatalf("%d: %s: %v\n%s", seed, v, err, b)
			}
			if diff := cmp.Diff(d.Consent, again.Consent, cmpopts.EquateEmpty()); diff != "" || again.Version != v || again.Status != "active" {
				t.Fatalf("%d: %s: %s %s\n%s", seed, again.Version, again.Status, diff, b)
			}
		}
	}
}

// TestCannotBeSaid: what FHIR could not hold is an error, not something else.
func TestCannotBeSaid(t *testing.T) {
	t.Parallel()
	root := []consent.Provision{{Effect: consent.Permit}}
	for name, c := range map[string]consent.Consent{
		"no rule":       {},
		"empty name":    {Provisions: []consent.Provision{{Effect: consent.Permit, Recipients: []consent.Recipient{{}}}}},
		"year 30000":    {Provisions: root, Period: consent.Period{End: 884_000_000_000_000}},
		"code with bar": {Provisions: root, Categories: []consent.Coding{{Code: "a|b"}}},
		"blanks":        {Provisions: root, Locale: " "},
		"first instant": {Provisions: root, RecordedAt: 999_999_999_999_999},
	} {
		for _, v := range []fhir.Version{fhir.R4, fhir.R5} {
			if b, err := fhir.Write(fhir.Document{Status: "active", Consent: c}, v); err == nil {
				t.Errorf("%s: %s", name, b)
			}
		}
	}
}

// TestOrder: rules are written in the order of the tree.
func TestOrder(t *testing.T) {
	t.Parallel()
	c := consent.Consent{Provisions: []consent.Provision{
		{Effect: consent.Permit}, {Effect: consent.Deny}, {Effect: consent.Deny}, {Effect: consent.Permit, Parent: 1},
	}}
	b, err := fhir.Write(fhir.Document{Status: "active", Consent: c}, fhir.R4)
	if err != nil {
		t.Fatal(err)
	}
	d, err := fhir.Read(b, fhir.ReadOptions{})
	if diff := cmp.Diff([]string{"permit 0", "deny 0", "permit 1", "deny 0"}, rules(d.Consent)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// FuzzRead: no input makes the reader fail in a way that is not an outcome, and what it takes can be decided and written
// again, or is refused in words.
func FuzzRead(f *testing.F) {
	f.Add([]byte(minimal4))
	f.Add([]byte(minimal5))
	for seed := range uint64(20) {
		d := fhir.Document{Status: "active", Patient: fhir.NewReference("Patient/1"), Consent: dice{rand.New(rand.NewPCG(seed, 2))}.consent()} //nolint:gosec // not for secrets
		for _, v := range []fhir.Version{fhir.R4, fhir.R5} {
			if b, err := fhir.Write(d, v); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := fhir.Read(raw, fhir.ReadOptions{})
		if err != nil {
			if !d.Issues.Refused() && !strings.Contains(err.Error(), "FHIR") {
				t.Fatal(err)
			}
			return
		}
		if err := d.Consent.Check(); err != nil {
			t.Fatal(err)
		}
		for _, v := range []fhir.Version{fhir.R4, fhir.R5} {
			if b, err := fhir.Write(d, v); err == nil {
				again, err := fhir.Read(b, fhir.ReadOptions{Strict: d.Patient.Names() != nil})
				if err != nil || !cmp.Equal(d.Consent, again.Consent, cmpopts.EquateEmpty()) {
					t.Fatalf("%s: %v\n%s", v, err, b)
				}
			}
		}
	})
}
