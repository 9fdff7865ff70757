package uses_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/uses"
)

// TestListBlocks asks for a stretch of time in a log of several blocks, before and after the index knows when each was.
func TestListBlocks(t *testing.T) {
	const total, from, until = 9_500, 5_000, 5_040
	k := newKit(t)
	l, err := uses.Open(t.Context(), k.cfg)
	must(t, err)
	var last *uses.Pending
	for n := range total {
		last, err = l.Begin(consent.Uint64(n%50), sample(consent.Uint64(n%50), n), nil)
		must(t, err)
	}
	_, err = last.Wait(t.Context())
	must(t, err)
	check := func(l *uses.Log) {
		t.Helper()
		f := uses.Filter{From: sample(0, from).Time, Until: sample(0, until).Time}
		p, err := l.List(t.Context(), consenttest.AurelAudit, f, 0, 1000)
		must(t, err)
		if len(p.Rows) != until-from || p.Rows[0].Index != until-1 || p.Rows[until-from-1].Index != from || p.Next != 0 || p.Size != total {
			t.Fatalf("%d rows, next %d", len(p.Rows), p.Next)
		}
	}
	check(l)
	must(t, l.Close())
	l = k.open()
	check(l)
	_, err = l.Verify(t.Context(), uses.VerifyOptions{})
	must(t, err)
}

// TestPairwise shows one subject to two auditors, who cannot tell that it is one.
func TestPairwise(t *testing.T) {
	k := newKit(t)
	l := k.open()
	for n := range 4 {
		record(t, l, consent.Uint64(n%2), n)
	}
	rows := func(auditor consent.MemberID) []uses.Row {
		t.Helper()
		p, err := l.List(t.Context(), auditor, uses.Filter{}, 0, 0)
		must(t, err)
		return p.Rows
	}
	a, b := rows(consenttest.AurelAudit), rows("other-audit")
	if a[0].Subject != a[2].Subject || a[0].Subject == a[1].Subject || a[0].Subject == b[0].Subject || b[0].Subject != b[2].Subject {
		t.Fatalf("subjects %v and %v", a, b)
	}
}
