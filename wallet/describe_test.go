package wallet_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/wallet"
)

// trusted knows two members and two codes.
func trusted() wallet.Names {
	return wallet.Names{
		Member: func(id consent.MemberID) (consent.Member, bool) {
			m, known := map[consent.MemberID]consent.Member{
				"city-hospital":  {ID: "city-hospital", Name: "City Hospital"},
				"rosa-institute": {ID: "rosa-institute", Name: "Rosa's Institute"},
				"closed-clinic":  {ID: "closed-clinic", Name: "Closed Clinic", Suspended: true},
			}[id]
			return m, known
		},
		Code: func(c consent.Coding) (string, bool) {
			words, known := map[string]string{"HRESCH": "healthcare research", "TREAT": "treatment", "IRCP": "information recipient"}[c.Code]
			return words, known
		},
		Subject: func(consent.SubjectID) (string, bool) { return "Me at City Hospital", true },
	}
}

func fixedHash(b byte) (h consent.Hash) {
	for i := range h {
		h[i] = b
	}
	return h
}

func grant() *consent.ConsentGrant {
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+365*24*3600*1000)
	c.Categories = []consent.Coding{{System: "http://loinc.org", Code: "59284-0"}}
	c.Identifiers = []consent.Identifier{{System: "urn:form", Value: "F-17"}}
	c.Grantees = []string{"Organization/city-hospital", "Organization/nobody-knows"}
	c.TextHash, c.MaxUses, c.AccessMode = fixedHash(5), 3, "view"
	c.Provisions[0].Recipients = append(c.Provisions[0].Recipients,
		consent.Recipient{Reference: "city-hospital:Practitioner/bob"},
		consent.Recipient{Reference: "Organization/closed-clinic"},
		consent.Recipient{Reference: "Organization/c\u0456ty-hospital"},
		consent.Recipient{Reference: "Practitioner/9"},
	)
	coding := func(code string) []consent.Coding { return []consent.Coding{{Code: code}} }
	c.Provisions = append(c.Provisions,
		consent.Provision{Parent: 0, Effect: consent.Deny, Labels: coding("PSY")},
		consent.Provision{Parent: 1, Effect: consent.Permit, Actions: coding("access"), Roles: coding("clinician")},
		consent.Provision{
			Parent: 0, Effect: consent.Deny, ResourceTypes: coding("MedicationRequest"), Codes: coding("1234-5"),
			Period: consent.Period{End: consenttest.Start}, DataPeriod: consent.Period{Start: consenttest.Start + 1},
			Data: []consent.DataReference{{Meaning: "instance", Reference: "Observation/7"}},
		},
	)
	return &consent.ConsentGrant{
		Handle: consent.SubjectID{1, 2, 3}, Seq: 4, Prev: fixedHash(1), Replaces: 2, Consent: c, Salt: fixedHash(2),
	}
}

func TestDescribeGolden(t *testing.T) {
	wide := consent.Consent{Provisions: []consent.Provision{{Effect: consent.Permit}}}
	broken := consent.Consent{Provisions: []consent.Provision{
		{Effect: consent.Deny}, {Parent: 2, Effect: consent.Permit}, {Parent: 1, Effect: consent.Deny},
	}}
	for name, msg := range map[string]any{
		"grant":      grant(),
		"wide":       &consent.ConsentGrant{Consent: wide},
		"broken":     &consent.ConsentGrant{Consent: broken},
		"nothing":    consent.ConsentDecline{},
		"revoke-all": &consent.RevokeAll{Handle: consent.SubjectID{9}, Seq: 7, Prev: fixedHash(3), Salt: fixedHash(4)},
		"delegate": &consent.Delegate{
			Handle: consent.SubjectID{9}, Seq: 7, Delegate: consenttest.Persona("bob").Address(), Kind: "guardian",
			Scope: []string{"grant", "revoke"}, Majority: consenttest.Start,
		},
		"admit": &consent.MemberAdmit{
			Member: "closed-clinic", Name: "Evil\u202egnp\nRules: none", Roles: []consent.Role{consent.Clinician},
			Keys: []consent.Address{consenttest.Persona("bob").Address()}, URL: `a\u{202e}`,
		},
		"genesis": &consent.Init{
			Name: "L", Authorities: []consent.Authority{{Name: "Trust", Address: consenttest.Persona("trust").Address()}},
			Threshold: 1, RecoveryDelay: math.MaxInt64,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := wallet.Text(wallet.Describe(msg, trusted()))
			file := filepath.Join("testdata", "describe", name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Whatever member a message has, some line stands for it; and no type is beyond description.
func TestEveryMemberIsShown(t *testing.T) {
	for _, name := range consent.Types() {
		body, ok := consent.NewBody(name)
		if !ok {
			t.Fatal(name)
		}
		shown := map[string]bool{}
		for _, f := range wallet.Describe(body, wallet.Names{}) {
			shown[f.Path] = true
		}
		if !shown["salt"] {
			t.Errorf("%s: the salt is not shown: %v", name, shown)
		}
	}
	lines := wallet.Text(wallet.Describe(grant(), wallet.Names{}))
	for _, want := range []string{"HRESCH", "PSY", "clinician", "1234-5", "Observation/7", "59284-0", "F-17", "view", "rosa-institute"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%s is not shown", want)
		}
	}
}

// Without authority-signed records no name is shown, whatever the message calls somebody.
func TestUnknownRecipientsAreMarked(t *testing.T) {
	g := grant()
	for _, f := range wallet.Describe(g, wallet.Names{}) {
		if strings.Contains(f.Path, "recipients[") && f.Warning == "" {
			t.Errorf("%s: %s carries no warning", f.Path, f.Value)
		}
		if strings.Contains(f.Value, "Rosa's") {
			t.Errorf("%s names %s", f.Path, f.Value)
		}
	}
	liar := trusted()
	liar.Member = func(consent.MemberID) (consent.Member, bool) {
		return consent.Member{ID: "other", Name: "Rosa's Institute"}, true
	}
	if lines := wallet.Text(wallet.Describe(g, liar)); strings.Contains(lines, "Rosa's") {
		t.Error("a record of another member lent its name")
	}
}

func TestDescribeWhatIsNoMessage(t *testing.T) {
	var none *consent.RevokeAll
	for _, v := range []any{nil, 7, "text", []int{1}, none} {
		if f := wallet.Describe(v, wallet.Names{}); len(f) != 1 || f[0].Warning == "" {
			t.Errorf("%v is described as %+v", v, f)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain – Zürich 東京":        "plain – Zürich 東京",
		"a\nb\tc\x00d\x7f\u0085":   `a\u{a}b\u{9}c\u{0}d\u{7f}\u{85}`,
		"\u202eabc\u2066\u200f":    `\u{202e}abc\u{2066}\u{200f}`,
		"a\u200bb\u200dc\ufeff":    `a\u{200b}b\u{200d}c\u{feff}`,
		"\u2028\u2029\u00a0\u3000": `\u{2028}\u{2029}\u{a0}\u{3000}`,
		"\u115f\u3164\u2800\u034f": `\u{115f}\u{3164}\u{2800}\u{34f}`,
		"x\ufe0f\U000e0041\u00ad":  `x\u{fe0f}\u{e0041}\u{ad}`,
		"\\u{202e}":                `\\u{202e}`,
		"a\xffb\xc3":               `a\xffb\xc3`,
		"\ufffd":                   "\ufffd",
	} {
		if got := wallet.Escape(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\u202e\n\\")
	f.Fuzz(func(t *testing.T, s string) {
		got := wallet.Escape(s)
		if wallet.Escape(strings.ReplaceAll(got, `\`, "")) != strings.ReplaceAll(got, `\`, "") {
			t.Fatalf("%q leaves something to escape: %s", s, got)
		}
	})
}
