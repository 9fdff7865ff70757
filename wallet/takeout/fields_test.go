package takeout_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet/takeout"
)

// whole is a use with every field set to something that is easily found.
func whole(now time.Time) proof.Entry {
	return proof.Entry{Index: 41, Prev: consent.Hash{0xa1}, Use: proof.Use{
		UseSeq: 7, Time: consent.Millis(now.Add(-time.Hour).UnixMilli() + 123), Kind: proof.Decision, Requester: "bob-practice",
		Actors: []string{"Practitioner/bob"}, Roles: []consent.Coding{{Code: "clinician"}}, Delegation: "9", Channel: "rest", Client: "192.0.2.7",
		Purpose: consent.Coding{Code: "TREAT"}, Action: consent.Coding{Code: "disclose"}, ResourceTypes: []string{"Observation"},
		Resources: []string{"Observation/bp", "DocumentReference/d0"}, Labels: []consent.Coding{{Code: "PSY"}}, Emergency: "unconscious",
		Decision: proof.Permit, Reasons: []proof.Reason{{Rule: "G1", Code: "permitted"}}, Sentence: proof.Sentence{Text: "Bob got it."},
		Consents: []consent.Uint64{3}, Obligations: []string{"NORDSCLCD"}, PolicyDigest: consent.Hash{0xb2}, CodesDigest: consent.Hash{0xc3},
		Position: 55, RequestID: "order-66", Salt: consent.Hash{1},
	}}
}

// TestAccountFields goes through what the laws and the audit profiles ask for, and finds each field in the JSON form; what a person
// reads, on the page and in the table, has at least what the two laws ask for by name.
//
// Three fields of the superset are not there, because Volens has none of them: the thumbprint of a client's TLS or DPoP key
// (members are known by the key of their assertion), a visibility (nothing is ever withheld from a patient), and a class and end of
// retention for each use (there is one rule, in the account itself).
func TestAccountFields(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	e := whole(now)
	a := takeout.NewAccount(takeout.HIPAA, consent.SubjectID{0x5e}, proof.Seen{UseSeq: 7, Size: 42, Root: consent.Hash{0xd4}}, []proof.Entry{e}, now, takeout.Names{
		Member: func(consent.MemberID) (consent.Member, bool) {
			return consent.Member{Name: "Bob's Practice", URL: "https://bob.example"}, true
		},
		Code: func(consent.Coding) (string, bool) { return "treatment", true },
		Consent: func(seq consent.Uint64) (takeout.Consent, bool) {
			return takeout.Consent{Seq: seq, Commitment: consent.Hash{0xe5}, TextHash: consent.Hash{0xf6}}, true
		},
	})
	var asJSON, asCSV, asHTML bytes.Buffer
	for _, err := range []error{a.WriteJSON(&asJSON), a.WriteCSV(&asCSV), a.WriteHTML(&asHTML)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var tree any
	if err := json.Unmarshal(asJSON.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	html := strings.NewReplacer("&#39;", "'").Replace(asHTML.String())
	hex := func(b byte) string { return consent.Hash{b}.String() }
	for _, f := range []struct {
		field, law, path, want string
		read                   bool // also on the page and in the table
	}{
		{"date", "45 CFR 164.528(b)(2)(i); EHDS 9(2)(b)", "lines time", "2026-11-22T11:00:00.123Z", true},
		{"name of the recipient", "45 CFR 164.528(b)(2)(ii); EHDS 9(2)(a)", "lines recipient", "Bob's Practice", true},
		{"address, if known", "45 CFR 164.528(b)(2)(ii)", "lines address", "https://bob.example", true},
		{"the individual", "EHDS 9(2)(a)", "lines people", "Practitioner/bob", true},
		{"description of the data", "45 CFR 164.528(b)(2)(iii); EHDS 9(2)(c)", "lines data", "Observation/bp, DocumentReference/d0", true},
		{"purpose", "45 CFR 164.528(b)(2)(iv)", "lines purpose", "treatment (TREAT)", true},
		{"emergency access", "EHDS 11(5)", "lines basis", "emergency: unconscious", true},
		{"from", "45 CFR 164.528(a)(1): six years", "from", "2020-11-22", true},
		{"event id", "integrity", "lines record", "41", false},
		{"seq", "integrity", "lines use", "7", true},
		{"hash of the one before", "integrity", "lines prev", hex(0xa1), false},
		{"what the log committed to", "integrity", "lines commitment", e.Use.Commitment().String(), false},
		{"root of the log", "integrity", "root", hex(0xd4), true},
		{"organisation", "BALP agent.who", "lines member", "bob-practice", false},
		{"role", "BALP agent.role", "lines roles", "clinician", true},
		{"on behalf of", "BALP agent.onBehalf", "lines onBehalfOf", "9", false},
		{"client", "BALP agent.network", "lines client", "192.0.2.7", false},
		{"patient", "BALP entity", "subject", consent.SubjectID{0x5e}.String(), true},
		{"types", "BALP entity.what", "lines types", "Observation", false},
		{"resources", "BALP entity.what", "lines resources", "Observation/bp", false},
		{"labels", "BALP entity.securityLabel", "lines labels", "PSY", true},
		{"purpose code", "BALP purposeOfEvent", "lines purposeCode", "TREAT", false},
		{"grant", "GDPR 5(2), 7(1)", "lines consents commitment", hex(0xe5), false},
		{"text hash", "GDPR 5(2), 7(1)", "lines consents textHash", hex(0xf6), false},
		{"policy revision", "GDPR 5(2)", "lines policyDigest", hex(0xb2), false},
		{"code systems", "GDPR 5(2)", "lines codesDigest", hex(0xc3), false},
		{"position", "integrity", "lines position", "55", false},
		{"action", "ASVS 16.3.2", "lines action", "disclose", true},
		{"outcome", "ASVS 16.3.2", "lines outcome", "permit", false},
		{"reason", "ASVS 16.3.2", "lines reasons", "G1 permitted", false},
		{"obligations", "BALP", "lines obligations", "NORDSCLCD", false},
		{"channel", "repudiation", "lines channel", "rest", false},
		{"request id", "repudiation", "lines requestId", "order-66", false},
		{"retention", "GDPR 5(1)(e)", "retention", a.Retention, true},
	} {
		if got, ok := at(tree, f.path).(string); !ok || got != f.want {
			t.Errorf("%s (%s): %q at %q", f.field, f.law, got, f.path)
		}
		if f.read && !strings.Contains(html, f.want) {
			t.Errorf("%s (%s): not on the page", f.field, f.law)
		}
		if f.read && strings.HasPrefix(f.path, "lines") && !slices.Contains(rows[1], f.want) {
			t.Errorf("%s (%s): not in the table: %q", f.field, f.law, rows[1])
		}
	}
	if n, ok := at(tree, "lines count").(float64); !ok || n != 2 {
		t.Errorf("count: %v", n)
	}
	if len(rows[0]) != len(rows[1]) {
		t.Errorf("%d columns, %d cells", len(rows[0]), len(rows[1]))
	}
}

// TestAccountPage checks that the page prints, runs nothing and loads nothing, whatever stands in it.
func TestAccountPage(t *testing.T) {
	now := time.Now()
	e := whole(now)
	bad := `"><script src="https://evil.example/x.js"></script><img onerror=alert(1) src=x><style>@import "https://evil.example"</style>`
	e.Use.Actors, e.Use.Emergency, e.Use.Sentence.Text, e.Use.RequestID = []string{bad}, bad, bad, bad
	e.Use.Resources, e.Use.Labels, e.Use.Action.Code, e.Use.Roles = []string{bad}, []consent.Coding{{Code: bad}}, bad, []consent.Coding{{Code: bad}}
	a := takeout.NewAccount(takeout.EHDS, consent.SubjectID{1}, proof.Seen{}, []proof.Entry{e}, now, takeout.Names{
		Member: func(consent.MemberID) (consent.Member, bool) {
			return consent.Member{Name: bad, URL: "javascript:" + bad}, true
		},
	})
	var out bytes.Buffer
	if err := a.WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	html := out.String()
	for _, want := range []string{"@media print", "thead { display: table-header-group; }", "break-inside: avoid", `content="default-src 'none'; style-src 'unsafe-inline'"`, `lang="en"`} {
		if !strings.Contains(html, want) {
			t.Errorf("there is no %s", want)
		}
	}
	allowed := map[string]bool{
		"!doctype": true, "html": true, "head": true, "meta": true, "title": true, "style": true, "body": true, "h1": true, "p": true, "table": true,
		"caption": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "br": true,
	}
	tags := regexp.MustCompile(`<(/?)([!a-zA-Z0-9]+)([^>]*)>`).FindAllStringSubmatch(html, -1)
	styles := 0
	for _, tag := range tags {
		if !allowed[tag[2]] || regexp.MustCompile(`(?i)\b(on\w+|src|href|style)\s*=`).MatchString(tag[3]) {
			t.Errorf("there is %s", tag[0])
		}
		if tag[2] == "style" && tag[1] == "" {
			styles++
		}
	}
	if len(tags) < 20 || styles != 1 {
		t.Errorf("%d tags, %d styles", len(tags), styles)
	}
}

// TestAccountFormulas checks that no cell of the table is a formula for a spreadsheet, whatever stands in the uses.
func TestAccountFormulas(t *testing.T) {
	now := time.Now()
	for _, bad := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "%0A=1", "＝1", "=cmd|' /C calc'!A0\",\"x"} {
		e := whole(now)
		u := &e.Use
		u.Requester, u.Actors, u.Roles, u.Delegation, u.Channel, u.Client = consent.MemberID(bad), []string{bad}, []consent.Coding{{Code: bad}}, bad, bad, bad
		u.Purpose.Code, u.Action.Code, u.Resources, u.Labels, u.RequestID = bad, bad, []string{bad}, []consent.Coding{{Code: bad}}, bad
		u.Sentence.Text, u.Emergency = bad, ""
		a := takeout.NewAccount(takeout.EHDS, consent.SubjectID{1}, proof.Seen{}, []proof.Entry{e}, now, takeout.Names{
			Member: func(consent.MemberID) (consent.Member, bool) { return consent.Member{Name: bad, URL: bad}, true },
		})
		var out bytes.Buffer
		if err := a.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		guarded := 0
		for i, cell := range rows[1] {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(cell)[0]) {
				t.Errorf("%s: %q", rows[0][i], cell)
			}
			if strings.HasPrefix(cell, "'") {
				guarded++
			}
		}
		if guarded < 13 {
			t.Errorf("%q: %d cells guarded: %q", bad, guarded, rows[1])
		}
	}
}
