package gateway_test

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// TestAudit checks what an auditor sees, that it is on record for the patient, and that decisions can be made again, also
// after the consents have gone and the node was started anew.
func TestAudit(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	carol, _ := w.Enrol("p2")
	rosa, ask, other := w.Member(consenttest.RosaInstitute), w.research(alice), w.research(carol)
	denied := w.decides(rosa, ask, policies.Deny)
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.MaxUses = 2
	w.submit(me, alice, alice.Grant(c)) // 3
	var permitted []api.Access
	for range 2 {
		permitted = append(permitted, w.decides(rosa, ask, policies.Permit))
	}
	usedUp := w.decides(rosa, ask, policies.Deny)
	w.decides(rosa, other, policies.Deny)
	w.submit(me, alice, alice.Revoke(3))

	aurel := w.Member(consenttest.AurelAudit)
	for _, tc := range []struct {
		f    api.AuditFilter
		want int
	}{
		{api.AuditFilter{Requester: consenttest.RosaInstitute}, 5},
		{api.AuditFilter{Decision: "permit", Kind: proof.Decision}, 2},
		{api.AuditFilter{Decision: "deny"}, 3},
		{api.AuditFilter{Purpose: "TREAT"}, 0},
		{api.AuditFilter{Purpose: "HRESCH"}, 5},
		{api.AuditFilter{From: w.Now + hour}, 0},
		{api.AuditFilter{Requester: consenttest.RosaInstitute, Until: w.Now + hour}, 5},
		{api.AuditFilter{Emergency: true}, 0},
	} {
		page, err := aurel.AuditUses(ctx, tc.f)
		if err != nil || len(page.Rows) != tc.want {
			t.Errorf("%+v: %d rows, want %d (%v)", tc.f, len(page.Rows), tc.want, err)
		}
	}
	subjects := map[consent.Hash]int{}
	seen := 0
	f := api.AuditFilter{Requester: consenttest.RosaInstitute, Limit: 2}
	for {
		page, err := aurel.AuditUses(ctx, f)
		w.must(err)
		for _, r := range page.Rows {
			subjects[r.Subject]++
			seen++
		}
		if f.Before = page.Next; page.Next == 0 {
			break
		}
	}
	if seen != 5 || len(subjects) != 2 {
		t.Errorf("%d rows of %v", seen, subjects)
	}
	replays := func(aurel interface {
		Replay(context.Context, api.ReplayRequest) (api.Replay, error)
	},
	) {
		t.Helper()
		for _, a := range append(permitted, denied, usedUp) {
			re, err := aurel.Replay(ctx, api.ReplayRequest{Index: a.Use.Index, Why: "yearly review"})
			if err != nil || !re.Same || re.Was != a.Decision.Decision || re.Again.Decision != re.Was {
				t.Errorf("%d: %+v, %v", a.Use.Index, re, err)
			}
		}
	}
	replays(aurel)
	us := w.uses(alice, me)
	if us[0].Kind != proof.Replay || us[0].Requester != consenttest.AurelAudit || !strings.Contains(us[0].Sentence.Text, "yearly review") {
		t.Errorf("the replay is on record as %+v", us[0])
	}
	looks := 0
	for _, u := range us {
		if u.Kind == proof.Read && u.Requester == consenttest.AurelAudit {
			looks++
		}
	}
	if looks < 6 {
		t.Errorf("%d looks of the auditor are on record", looks)
	}
	_, err := aurel.Replay(ctx, api.ReplayRequest{Index: 0})
	w.wants(err, consent.Malformed) // an enrolment is no decision
	_, err = aurel.Replay(ctx, api.ReplayRequest{Index: 1 << 40})
	w.wants(err, consent.NotFound)
	w.Close()
	w.Open()
	replays(w.Member(consenttest.AurelAudit))
}

// TestTiles reads the logs as any transparency-log client does: tiles, checked against the signed checkpoint.
func TestTiles(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	batch := make([]api.AccessRequest, 100)
	for i := range batch {
		batch[i] = ask
	}
	for range 3 {
		_, err := rosa.Batch(ctx, batch)
		w.must(err)
	}
	info, err := rosa.Ledger(ctx)
	w.must(err)
	aurel := w.Member(consenttest.AurelAudit)
	for log, key := range map[string]string{"ledger": info.Key, "uses": info.UsesKey} {
		b, err := aurel.Checkpoint(ctx, log)
		w.must(err)
		v, err := note.NewVerifier(key)
		w.must(err)
		n, err := note.Open(b, note.VerifierList(v))
		w.must(err)
		lines := strings.Split(n.Text, "\n")
		var size consent.Uint64
		w.must(size.UnmarshalText([]byte(lines[1])))
		root, err := tlog.ParseHash(lines[2])
		w.must(err)
		tree := tlog.Tree{N: int64(size), Hash: root}
		reader := tlog.TileHashReader(tree, tiles{ctx, aurel.Tile, log})
		for i := range tree.N {
			if _, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, i)}); err != nil {
				t.Fatalf("%s, record %d of %d: %v", log, i, size, err)
			}
		}
		if _, err := aurel.Tile(ctx, log, "entries/000"); (err == nil) != (size >= 256) {
			t.Errorf("%s: a full bundle of %d entries: %v", log, size, err)
		}
	}
	_, err = aurel.Checkpoint(ctx, "nothing")
	w.wants(err, consent.NotFound)
	if node.UsesOrigin(w.Ledger) != info.UsesOrigin {
		t.Errorf("%s", info.UsesOrigin)
	}
}

// TestLedgerCheckpoint checks the proof that a wallet gets with each new checkpoint of the ledger.
func TestLedgerCheckpoint(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	info, err := me.Ledger(ctx)
	w.must(err)
	v, err := note.NewVerifier(info.Key)
	w.must(err)
	read := func(since consent.Uint64) (tlog.Tree, tlog.TreeProof) {
		t.Helper()
		cp, err := me.LedgerCheckpoint(ctx, since)
		w.must(err)
		n, err := note.Open([]byte(cp.Checkpoint), note.VerifierList(v))
		w.must(err)
		lines := strings.SplitN(n.Text, "\n", 4)
		tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + lines[1] + "\n" + lines[2] + "\n"))
		w.must(err)
		var p tlog.TreeProof
		for _, h := range cp.Consistency {
			p = append(p, tlog.Hash(h))
		}
		return tree, p
	}
	old, none := read(0)
	if len(none) != 0 || old.N == 0 {
		t.Fatalf("%d records, proof of %d hashes", old.N, len(none))
	}
	for range 5 {
		w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
		now, p := read(consent.Uint64(old.N)) //nolint:gosec // not negative
		if err := tlog.CheckTree(p, now.N, now.Hash, old.N, old.Hash); err != nil || now.N <= old.N {
			t.Errorf("from %d to %d: %v", old.N, now.N, err)
		}
		if old.N%2 == 0 {
			old = now
		}
	}
	_, err = me.LedgerCheckpoint(ctx, 1<<40)
	w.wants(err, consent.Conflict)
}

type tiles struct {
	ctx   context.Context
	fetch func(context.Context, string, string) ([]byte, error)
	log   string
}

func (r tiles) Height() int { return 8 }

func (r tiles) ReadTiles(ts []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(ts))
	for i, t := range ts {
		b, err := r.fetch(r.ctx, r.log, strings.TrimPrefix(t.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
