package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
)

// authorities are those of consenttest's worlds.
func authorities() []sig.Key {
	return []sig.Key{consenttest.Persona("trust"), consenttest.Persona("regulator")}
}

// mover is a world whose ledger moves.
type mover struct {
	*nodetest.World

	alice, bob, carol, dave *consenttest.Subject
	before                  map[string]string // decisions
	receipt                 network.Receipt   // of Alice's consent
	checkpoint              journal.Checkpoint
	export                  string
}

// newMover starts a node on which things happen.
func newMover(t testing.TB) *mover {
	t.Helper()
	return moverOf(t, nodetest.Start(t, nil))
}

// moverOf lets things happen on a node: Alice consents, Bob withdraws, Carol says nothing, Dave is erased.
func moverOf(t testing.TB, w *nodetest.World) *mover {
	t.Helper()
	ctx := context.Background()
	m := &mover{World: w, export: filepath.Join(t.TempDir(), "export")}
	m.alice, m.bob, m.carol, m.dave = m.enrol("p1"), m.enrol("p2"), m.enrol("p3"), m.enrol("p4")
	for _, s := range []*consenttest.Subject{m.alice, m.bob, m.dave} {
		m.submit(s, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	}
	m.submit(m.alice, m.alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)))
	m.submit(m.bob, m.bob.Revoke(3))
	m.before = m.decisions()
	if _, err := w.Member(consenttest.CityHospital).Erase(ctx, api.EraseSubject{
		SubjectQuery: api.SubjectQuery{Handle: &m.dave.Handle}, Reason: "request",
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.receipt, err = w.Node.Ledger.Lookup(ctx, m.alice.Prev); err != nil {
		t.Fatal(err)
	}
	m.checkpoint = w.Node.Ledger.Log().Durable()
	return m
}

func (m *mover) enrol(id string) *consenttest.Subject {
	m.T.Helper()
	m.Store[id] = []json.RawMessage{observation}
	s, _ := m.Enrol(id)
	return s
}

// submit puts a subject's message on the ledger through the gateway.
func (m *mover) submit(s *consenttest.Subject, msg consent.Message) {
	m.T.Helper()
	if _, err := m.SignIn(s).Submit(context.Background(), msg); err != nil {
		m.T.Fatal(err)
	}
	s.Moved(msg)
}

// decisions asks for everybody, by everybody, for every purpose.
func (m *mover) decisions() map[string]string {
	m.T.Helper()
	out := map[string]string{}
	for name, s := range map[string]*consenttest.Subject{"alice": m.alice, "bob": m.bob, "carol": m.carol} {
		for _, by := range []consent.MemberID{consenttest.RosaInstitute, consenttest.BobPractice} {
			subject := m.Pseudonym(s, by)
			for _, purpose := range []string{"HRESCH", "TREAT", "HPAYMT"} {
				a, err := m.Member(by).Fetch(context.Background(), api.AccessRequest{
					Subject: subject, Purpose: consent.Coding{Code: purpose}, Actor: api.Actor{Reference: "Practitioner/x"},
				})
				if err != nil {
					m.T.Fatal(err)
				}
				var used []string
				for _, c := range a.Decision.Consents {
					used = append(used, fmt.Sprint(c))
				}
				out[fmt.Sprintf("%s, %s, %s", name, by, purpose)] = fmt.Sprint(a.Decision.Decision, used, len(a.Data))
			}
		}
	}
	return out
}

// close closes the ledger and exports it; the node is stopped then.
func (m *mover) close() {
	m.T.Helper()
	ctx := context.Background()
	m.World.Close()
	record, _, err := node.Record(ctx, m.Cfg.Paths)
	if err != nil {
		m.T.Fatal(err)
	}
	if _, err := node.Submit(ctx, m.Cfg.Paths, m.Sign(&consent.Close{Seq: record.Seq + 1, Salt: m.Rand.Hash()}, authorities()...)); err != nil {
		m.T.Fatal(err)
	}
	if _, err := node.ExportLedger(ctx, m.Cfg.Paths, m.export, nil); err != nil {
		m.T.Fatal(err)
	}
}

// move verifies the export and has its opening signed.
func (m *mover) move() node.Move {
	m.T.Helper()
	e, err := node.OpenExport(context.Background(), m.export, nil)
	if err != nil {
		m.T.Fatal(err)
	}
	return node.Move{Export: e, Opening: m.Sign(e.Opening(consent.Hash{9}), authorities()...)}
}

// holds checks that everybody is where she was: decisions, the receipt and the checkpoint from before, the list of uses, and
// that withdrawing works.
func (m *mover) holds() {
	t := m.T
	t.Helper()
	ctx := context.Background()
	if d := cmp.Diff(m.before, m.decisions()); d != "" {
		t.Fatalf("decisions (-before +after):\n%s", d)
	}
	m.proven(m.receipt)
	log := m.Node.Ledger.Log()
	now := log.Durable()
	p, err := log.ProveTree(now.Size, m.checkpoint.Size)
	if err == nil {
		err = tlog.CheckTree(p, now.Size, now.Root, m.checkpoint.Size, m.checkpoint.Root)
	}
	if err != nil {
		t.Fatalf("the checkpoint from before: %v", err)
	}
	st, err := m.SignIn(m.alice).Statement(ctx, proof.Seen{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(verify(t.(*testing.T), m.World, m.alice, st)); n < 12 { //nolint:errcheck,forcetypeassert // a test
		t.Fatalf("%d uses", n)
	}
	m.submit(m.alice, m.alice.Revoke(3))
	after := m.decisions()
	key := fmt.Sprintf("alice, %s, HRESCH", consenttest.RosaInstitute)
	if after[key] == m.before[key] {
		t.Fatal("a withdrawal after the move changes nothing")
	}
}

// proven checks receipts from before the move against the key of the ledger's log, and that they are found again.
func (m *mover) proven(receipts ...network.Receipt) {
	m.T.Helper()
	ctx := context.Background()
	info, err := m.Client().Ledger(ctx)
	if err != nil {
		m.T.Fatal(err)
	}
	verifier, err := note.NewVerifier(info.Key)
	if err != nil {
		m.T.Fatal(err)
	}
	for _, r := range receipts {
		cp, err := journal.OpenCheckpoint(r.Checkpoint, embedded.Origin(m.Ledger), verifier)
		if err == nil {
			_, err = embedded.CheckReceipt(r, cp)
		}
		now, lost := m.Node.Ledger.Lookup(ctx, r.Commitment)
		if err != nil || lost != nil || now.Position != r.Position {
			m.T.Fatalf("the receipt of leaf %d from before: %v, %v, now at %d", r.Position, err, lost, now.Position)
		}
	}
}

// TestMove: the old node goes on with all that it has, and a new node has the same ledger.
func TestMove(t *testing.T) {
	ctx := context.Background()
	m := newMover(t)
	m.close()
	move := m.move()
	fresh := node.Under(t.TempDir())
	move.Custodian, move.Key = consenttest.CityHospital, consenttest.Persona(string(consenttest.CityHospital))
	r, err := move.ImportEmbedded(ctx, fresh)
	if err != nil || r.Leaves != move.Export.Size || r.Position != move.Export.Size+1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := move.ImportEmbedded(ctx, fresh); err != nil || again.Leaves != 0 || again.Position != r.Position {
		t.Fatalf("again: %+v, %v", again, err)
	}
	if _, err := node.Verify(ctx, fresh, node.VerifyOptions{State: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := move.ImportEmbedded(ctx, m.Cfg.Paths); err != nil {
		t.Fatal(err)
	}
	m.Open()
	m.holds()
}

// TestImportRefuses: an opening that is not of this export, or that too few signed, touches nothing.
func TestImportRefuses(t *testing.T) {
	m := newMover(t)
	m.close()
	good := m.move()
	for name, c := range map[string]struct {
		code consent.Code
		m    consent.Message
	}{
		"one signed":    {consent.Unauthorized, m.Sign(good.Export.Opening(consent.Hash{1}), authorities()[0])},
		"a stranger":    {consent.Unauthorized, m.Sign(good.Export.Opening(consent.Hash{1}), consenttest.Persona("mallory"))},
		"another root":  {consent.Conflict, m.Sign(&consent.Import{Seq: 3, Size: good.Export.Size, Root: consent.Hash{1}, Salt: consent.Hash{1}}, authorities()...)},
		"another size":  {consent.Conflict, m.Sign(&consent.Import{Seq: 3, Size: 1, Root: good.Export.Root, Salt: consent.Hash{1}}, authorities()...)},
		"another seq":   {consent.Conflict, m.Sign(&consent.Import{Seq: 4, Size: good.Export.Size, Root: good.Export.Root, Salt: consent.Hash{1}}, authorities()...)},
		"not an Import": {consent.Malformed, m.Sign(&consent.Close{Seq: 3, Salt: consent.Hash{1}}, authorities()...)},
	} {
		move, to := good, node.Under(t.TempDir())
		move.Opening = c.m
		if _, err := move.ImportEmbedded(context.Background(), to); consent.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
		if _, err := os.Stat(to.Data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was written", name)
		}
	}
	other := nodetest.Start(t, func(c *node.Config) { c.Paths = node.Under(t.TempDir()) })
	other.Close()
	open := newMover(t)
	open.World.Close()
	for name, p := range map[string]node.Paths{"another ledger's node": other.Cfg.Paths, "a node whose ledger is open": open.Cfg.Paths} {
		if _, err := good.ImportEmbedded(context.Background(), p); !errors.Is(err, node.ErrExport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bulk closes and exports a ledger of many messages.
func bulk(t testing.TB, subjects, each int) *mover {
	t.Helper()
	m := &mover{World: nodetest.Start(t, nil), export: filepath.Join(t.TempDir(), "export")}
	m.Crowd(subjects, each)
	m.close()
	return m
}

// BenchmarkImport takes a ledger over on an embedded ledger: verifying the export, then sealing and writing all of it.
func BenchmarkImport(b *testing.B) {
	m := bulk(b, 2000, 3)
	var verified, written time.Duration
	for b.Loop() {
		began := time.Now()
		move := m.move()
		verified += time.Since(began)
		began = time.Now()
		if _, err := move.ImportEmbedded(b.Context(), node.Under(b.TempDir())); err != nil {
			b.Fatal(err)
		}
		written += time.Since(began)
	}
	n := float64(b.N)
	b.ReportMetric(2000*n/(verified+written).Seconds(), "subjects/s")
	b.ReportMetric(10000*n/verified.Seconds(), "verified-leaves/s")
	b.ReportMetric(10000*n/written.Seconds(), "written-leaves/s")
}

// BenchmarkExport writes a closed ledger to a folder, each message opened on the way.
func BenchmarkExport(b *testing.B) {
	m := bulk(b, 2000, 3)
	began := time.Now()
	for b.Loop() {
		if _, err := node.ExportLedger(b.Context(), m.Cfg.Paths, b.TempDir(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10000*float64(b.N)/time.Since(began).Seconds(), "leaves/s")
}
