package takeout_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet/takeout"
)

// TestAccount checks what counts under each law, and how it is written.
func TestAccount(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	ago := func(years int) consent.Millis { return consent.Millis(now.AddDate(-years, 0, 1).UnixMilli()) }
	entry := func(seq consent.Uint64, u proof.Use) proof.Entry {
		u.UseSeq = seq
		return proof.Entry{Use: u}
	}
	entries := []proof.Entry{
		entry(8, proof.Use{
			Time: ago(1), Kind: proof.Decision, Decision: proof.Permit, Requester: "rosa", Purpose: consent.Coding{Code: "HRESCH"},
			Consents: []consent.Uint64{3, 4}, ResourceTypes: []string{"Observation"}, Actors: []string{"=1+1"},
			Sentence: proof.Sentence{Text: "<b>Rosa</b> got it"},
		}),
		entry(7, proof.Use{Time: ago(1), Kind: proof.Decision, Decision: proof.Deny, Requester: "rosa"}),
		entry(6, proof.Use{Time: ago(2), Kind: proof.Read, Decision: proof.Permit, Requester: "aurel"}),
		entry(5, proof.Use{Time: ago(2), Kind: proof.Export, Decision: proof.Permit}), // herself
		entry(4, proof.Use{Time: ago(3), Kind: proof.Decision, Decision: proof.Permit, Requester: "bob", Emergency: "unconscious", Resources: []string{"Patient/1"}}),
		entry(3, proof.Use{Time: ago(5), Kind: proof.Decision, Decision: proof.Permit, Requester: "bob"}),
		entry(2, proof.Use{Time: ago(7), Kind: proof.Decision, Decision: proof.Permit, Requester: "bob"}),
	}
	names := takeout.Names{
		Member: func(id consent.MemberID) (consent.Member, bool) {
			return consent.Member{Name: "Rosa's Institute", URL: "https://rosa.example"}, id == "rosa"
		},
		Code: func(c consent.Coding) (string, bool) { return "research", c.Code == "HRESCH" },
		Consent: func(seq consent.Uint64) (takeout.Consent, bool) {
			return takeout.Consent{Seq: seq, TextHash: consent.Hash{byte(seq)}}, seq == 3
		},
	}
	for law, want := range map[takeout.Law][]consent.Uint64{takeout.HIPAA: {8, 4, 3}, takeout.EHDS: {8, 6, 4}} {
		a := takeout.NewAccount(law, consent.SubjectID{1}, proof.Seen{UseSeq: 8, Size: 20}, entries, now, names)
		var got []consent.Uint64
		for _, l := range a.Lines {
			got = append(got, l.Use)
		}
		if diff := cmp.Diff(want, got); diff != "" || a.Title == "" {
			t.Errorf("%s: %s", law, diff)
		}
		first := takeout.Line{
			Use: 8, Commitment: entries[0].Use.Commitment(), Kind: proof.Decision, Time: "2025-11-23T00:00:00.000Z", Recipient: "Rosa's Institute",
			Member: "rosa", Address: "https://rosa.example", People: []string{"=1+1"}, Data: "Observation", Types: []string{"Observation"},
			Purpose: "research (HRESCH)", Code: "HRESCH", Outcome: "permit", Basis: "consent 3, 4", Sentence: "<b>Rosa</b> got it",
			Consents: []takeout.Consent{{Seq: 3, TextHash: consent.Hash{3}}, {Seq: 4}},
		}
		if diff := cmp.Diff(first, a.Lines[0]); diff != "" {
			t.Error(diff)
		}
		written(t, a)
	}
}

func written(t *testing.T, a takeout.Account) {
	t.Helper()
	var asJSON, asCSV, asHTML bytes.Buffer
	for _, err := range []error{a.WriteJSON(&asJSON), a.WriteCSV(&asCSV), a.WriteHTML(&asHTML)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var back takeout.Account
	if err := json.Unmarshal(asJSON.Bytes(), &back); err != nil || !cmp.Equal(a, back) {
		t.Errorf("JSON: %v %s", err, cmp.Diff(a, back))
	}
	rows, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || len(rows) != len(a.Lines)+1 || rows[1][5] != "'=1+1" {
		t.Errorf("CSV: %v %v", err, rows)
	}
	html := asHTML.String()
	if !strings.Contains(html, "&lt;b&gt;Rosa") || strings.Contains(html, "<script") || !strings.Contains(html, a.Title) || !strings.Contains(html, "emergency: unconscious") {
		t.Errorf("HTML: %s", html)
	}
}
