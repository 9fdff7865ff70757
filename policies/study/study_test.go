package study_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/passport/passporttest"
	"github.com/volens-ledger/volens/policies/study"
)

// rules are a custodian's, with an issuer whose visa comes with them.
func rules(t *testing.T) (r *study.Rules, visa string) {
	t.Helper()
	b := passporttest.New(t, "https://b.example")
	raw, err := json.Marshal(map[string]any{
		"issuers":  []any{b.Known(map[string][]string{"rosa": {"ann"}}, nil)},
		"demands":  map[string]any{"CLINTRCH": [][]map[string]string{{{"type": "ResearcherStatus", "by": "const:so"}}}},
		"diseases": map[string][]string{"MONDO:2": {"MONDO:1"}},
	})
	if err == nil {
		r, err = study.Parse(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.From, b.Until = 1, 1000
	visa = b.Visa("ann", "", "", map[string]any{"ga4gh_visa_v1": map[string]any{
		"type": "ResearcherStatus", "asserted": 1, "value": "https://bona.fide", "source": "https://uni.example", "by": "so",
	}})
	return r, visa
}

func uses(names ...string) (out []string) {
	for _, n := range names {
		if v, ok := strings.CutPrefix(n, "visa:"); ok {
			out = append(out, policies.SystemVisa+v)
			continue
		}
		curie, _ := duo.Curie(n)
		out = append(out, duo.IRI(curie))
	}
	return out
}

// TestUnfit is F8 of policies/README.md.
func TestUnfit(t *testing.T) {
	r, visa := rules(t)
	for name, c := range map[string]struct {
		uses     []string
		purpose  string
		study    string
		passport string
		want     string
	}{
		"no terms":                {nil, "TREAT", "", "", ""},
		"fits":                    {uses("HMB", "NPU"), "HRESCH", "DS MONDO:2 NPU", "", ""},
		"fits a kind of research": {uses("GRU"), "CLINTRCH", "GRU", "", ""},
		"a disease above":         {uses("DS", "MONDO:1"), "HRESCH", "DS MONDO:2", "", ""},
		"another disease":         {uses("DS", "MONDO:3"), "HRESCH", "DS MONDO:2", "", policies.DataUse},
		"no study":                {uses("GRU"), "HRESCH", "", "", policies.DataUse},
		"no research":             {uses("GRU"), "HMARKT", "GRU", "", policies.DataUse},
		"not kept to":             {uses("GRU", "IRB"), "HRESCH", "GRU", "", policies.DataUse},
		"no kind":                 {uses("IRB"), "HRESCH", "GRU IRB", "", policies.DataUseUnclear},
		"a term nobody knows":     {append(uses("GRU"), policies.SystemOBO+"DUO_9999999"), "HRESCH", "GRU", "", policies.DataUseUnclear},
		"a study without kind":    {uses("GRU"), "HRESCH", "IRB", "", policies.DataUseUnclear},
		"a visa":                  {uses("visa:ResearcherStatus"), "TREAT", "", visa, ""},
		"a visa of a value":       {uses("visa:ResearcherStatus=https://bona.fide", "GRU"), "HRESCH", "GRU", visa, ""},
		"of another value":        {uses("visa:ResearcherStatus=https://x"), "HRESCH", "GRU", visa, policies.VisaMissing},
		"no visa":                 {uses("visa:ResearcherStatus", "GRU"), "HRESCH", "GRU", "", policies.VisaMissing},
	} {
		said, err := r.Read(study.Stated{Member: "rosa", Terms: strings.Fields(c.study), Passport: c.passport}, 500_000)
		if err != nil {
			t.Fatal(err)
		}
		if got := said.Unfit(consent.Coding{Code: c.purpose}, c.uses); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	late, err := r.Read(study.Stated{Member: "rosa", Passport: visa}, 1_000_000)
	if err != nil || late.Stated() {
		t.Errorf("an expired visa says %+v, %v", late, err)
	}
}

func TestMet(t *testing.T) {
	r, visa := rules(t)
	with, err := r.Read(study.Stated{Member: "rosa", Passport: visa}, 500_000)
	if err != nil {
		t.Fatal(err)
	}
	for purpose, demanded := range map[string]bool{"TREAT": false, "HRESCH": false, "CLINTRCH": true, "CLINTRCHPC": true} {
		p := consent.Coding{Code: purpose}
		if r.Met(p, study.Claims{}) == demanded || !r.Met(p, with) {
			t.Errorf("%s is met wrongly", purpose)
		}
	}
	if !(*study.Rules)(nil).Met(consent.Coding{Code: "CLINTRCH"}, study.Claims{}) {
		t.Error("no rules demand something")
	}
	if _, err := (*study.Rules)(nil).Read(study.Stated{Terms: []string{"cancer"}}, 0); consent.CodeOf(err) != consent.Malformed {
		t.Errorf("a term that nobody knows: %v", err)
	}
	if c, err := (*study.Rules)(nil).Read(study.Stated{Member: "rosa", Terms: []string{"GRU"}, Passport: visa}, 500_000); err != nil || len(c.Visas) != 0 {
		t.Errorf("believed without rules: %+v, %v", c, err)
	}
}

// TestShow: a visa counts for the member whose researcher it is of, once it was shown and until it ends, and beside no other.
func TestShow(t *testing.T) {
	r, visa := rules(t)
	shown, err := r.Show("rosa", visa, 500_000)
	if err != nil || len(shown.Visas) != 1 || shown.Until != 1_000_000 {
		t.Fatalf("%+v, %v", shown, err)
	}
	later, err := r.Read(study.Stated{Member: "rosa", Terms: []string{"GRU"}, Shown: shown.Visas}, 600_000)
	if err != nil || later.Unfit(consent.Coding{Code: "HRESCH"}, uses("GRU", "visa:ResearcherStatus")) != "" {
		t.Errorf("%+v, %v", later, err)
	}
	if _, err := r.Read(study.Stated{Member: "rosa", Passport: visa, Shown: shown.Visas}, 600_000); consent.CodeOf(err) != consent.Malformed {
		t.Errorf("two passports: %v", err)
	}
	if again, err := r.Show("rosa", visa, 999_999); err != nil || len(again.Visas) != 1 {
		t.Errorf("shown again: %+v, %v", again, err)
	}
	for _, now := range []consent.Millis{1_000_000, 2_000_000} { // it was remembered, and is over
		if over, err := r.Show("rosa", visa, now); err != nil || len(over.Visas) > 0 {
			t.Errorf("at %d: %+v, %v", now, over, err)
		}
	}
	for _, member := range []consent.MemberID{"", "mallory", "Rosa"} {
		stolen, err := r.Show(member, visa, 500_000)
		if err != nil || len(stolen.Visas) > 0 || len(stolen.Ignored) != 1 {
			t.Errorf("of %q: %+v, %v", member, stolen, err)
		}
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = "GRU"
	}
	if _, err := r.Read(study.Stated{Terms: many}, 0); consent.CodeOf(err) != consent.TooLarge {
		t.Errorf("65 terms: %v", err)
	}
}

// TestShowIgnored: a passport of which not everything counts, or that is refused, is remembered with what is said of it, so that it is
// not judged with each request; what counts later does so a minute later.
func TestShowIgnored(t *testing.T) {
	broker := passporttest.New(t, "https://b.example")
	raw, err := json.Marshal(map[string]any{"issuers": []any{broker.Known(map[string][]string{"rosa": {"ann"}}, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := study.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	broker.From, broker.Until = 500, 10_000
	now := broker.Visa("ann", "ResearcherStatus", "https://bona.fide", nil)
	soon := broker.Visa("ann", "AcceptedTermsAndPolicies", "v", map[string]any{"iat": 1080}) // believed from 1,020 s on
	over := broker.Visa("ann", "AffiliationAndRole", "v", map[string]any{"exp": 1010})
	others := broker.Visa("ben", "ResearcherStatus", "v", map[string]any{"iat": 1080})
	for name, c := range map[string]struct {
		pass string
		want map[consent.Millis][2]int // visas that count and that do not, -1: it is refused
	}{
		"one that counts later": {now + " " + soon, map[consent.Millis][2]int{1_000_000: {1, 1}, 1_030_000: {1, 1}, 1_060_000: {2, 0}}},
		"nothing that counts":   {soon, map[consent.Millis][2]int{1_000_000: {0, 1}, 1_059_999: {0, 1}, 1_060_000: {1, 0}}},
		"one that ends first":   {now + " " + soon + " " + over, map[consent.Millis][2]int{1_000_000: {2, 1}, 1_009_999: {2, 1}, 1_010_000: {1, 2}}},
		"of two people later":   {now + " " + others, map[consent.Millis][2]int{1_000_000: {1, 1}, 1_030_000: {1, 1}, 1_060_000: {-1, -1}, 1_119_999: {-1, -1}}},
	} {
		for _, at := range slices.Sorted(maps.Keys(c.want)) {
			s, err := r.Show("rosa", c.pass, at)
			got := [2]int{len(s.Visas), len(s.Ignored)}
			if err != nil {
				got = [2]int{-1, -1}
			}
			if got != c.want[at] {
				t.Errorf("%s, at %d: %v, not %v (%v)", name, at, got, c.want[at], err)
			}
		}
	}
}

// BenchmarkShow is a passport that comes with each request, against one that is new each time.
func BenchmarkShow(b *testing.B) {
	broker := passporttest.New(b, "https://b.example")
	raw, err := json.Marshal(map[string]any{"issuers": []any{broker.Known(map[string][]string{"rosa": {"ann"}}, nil)}})
	if err != nil {
		b.Fatal(err)
	}
	r, err := study.Parse(raw)
	if err != nil {
		b.Fatal(err)
	}
	visa := broker.Visa("ann", "ResearcherStatus", "https://bona.fide", nil)
	for name, passport := range map[string]func(i int) string{
		"again": func(int) string { return visa },
		"new":   func(i int) string { return visa + strings.Repeat(" ", i) },
	} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i = (i + 1) % 1000
				if s, err := r.Show("rosa", passport(i), 1_000_000); err != nil || len(s.Visas) != 1 {
					b.Fatal(s, err)
				}
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{
		`[]`, `{"issuers":[{"iss":"x","jwks":{"keys":[]}}]}`, `{"demands":{"FUN":[]}}`, `{"diseases":{"cancer":[]}}`, `{"diseases":{"MONDO:1":["x"]}}`,
		`{"issuers":[{"iss":"x","jwks":{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}}]}`, `{"demnads":{"HRESCH":[]}}`, `{"issuers":[{"iss":"x"}]}`,
	} {
		if _, err := study.Parse([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
