package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// newMover starts a node and lets things happen on it: Alice consents, Bob withdraws, Carol says nothing, Dave is erased.
func newMover(t testing.TB) *mover {
	t.Helper()
	ctx := context.Background()
	w := nodetest.Start(t, nil)
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
	info, err := m.Client().Ledger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(info.Key)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := journal.OpenCheckpoint(m.receipt.Checkpoint, embedded.Origin(m.Ledger), verifier)
	if err == nil {
		_, err = embedded.CheckReceipt(m.receipt, cp)
	}
	if err != nil {
		t.Fatalf("the receipt from before: %v", err)
	}
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

// forge writes an export again with other records, under a key of the forger's.
func forge(t testing.TB, src string, change func([]journal.Record) []journal.Record) string {
	t.Helper()
	ctx := context.Background()
	var info node.ExportInfo
	readJSON(t, filepath.Join(src, "export.json"), &info)
	old, err := note.NewVerifier(info.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := journal.Config{Dir: filepath.Join(src, "log"), AnchorPath: filepath.Join(src, "anchor"), Origin: embedded.Origin(info.Ledger), Verifier: old}
	var mu sync.Mutex
	records := make([]journal.Record, info.Size)
	if _, err := journal.Verify(ctx, cfg, journal.VerifyOptions{Each: func(i int64, r journal.Record) error {
		mu.Lock()
		defer mu.Unlock()
		records[i] = journal.Record{Leaf: slices.Clone(r.Leaf), Attachment: slices.Clone(r.Attachment)}
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	records = change(records)
	dst := t.TempDir()
	skey, vkey, err := note.GenerateKey(nil, "forger")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.AnchorPath = filepath.Join(dst, "log"), filepath.Join(dst, "anchor")
	if cfg.Signer, err = note.NewSigner(skey); err == nil {
		cfg.Verifier, err = note.NewVerifier(vkey)
	}
	if err == nil {
		err = journal.Init(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	info.Messages, info.Erased = 0, 0
	for _, r := range records {
		if len(r.Attachment) > 1 {
			info.Messages++
		} else {
			info.Erased++
		}
		if _, err := log.Append(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	cp := log.Durable()
	info.Size, info.Root, info.Key = consent.Uint64(cp.Size), consent.Hash(cp.Root), vkey
	b, err := json.Marshal(info)
	if err == nil {
		err = errors.Join(log.Close(), os.WriteFile(filepath.Join(dst, "export.json"), b, 0o600), copyFile(src, dst, "genesis.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

func copyFile(src, dst, name string) error {
	b, err := os.ReadFile(filepath.Join(src, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dst, name), b, 0o600)
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestForgedExports: whoever has a log's key can make a log that hashes. It does not get through: the contract runs again on
// every message, and what it cannot tell the authorities' root does.
func TestForgedExports(t *testing.T) {
	m := newMover(t)
	m.close()
	good := m.move()
	n := int(good.Export.Size)
	of := func(r journal.Record) string {
		leaf, err := consent.ParseLeaf(r.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Type
	}
	find := func(rs []journal.Record, kind string) int {
		return slices.IndexFunc(rs, func(r journal.Record) bool { return of(r) == kind })
	}
	for name, c := range map[string]struct {
		change func(rs []journal.Record) []journal.Record
		want   string
	}{
		"two swapped": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "SubjectClaim")
			rs[i-1], rs[i] = rs[i], rs[i-1]
			return rs
		}, "there is no such subject"},
		"one twice": {func(rs []journal.Record) []journal.Record { return slices.Insert(rs, 3, rs[2]) }, "admitted already"},
		"one left out": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "SubjectOpen")
			return slices.Delete(rs, i, i+1)
		}, "no such subject"},
		"cut": {func(rs []journal.Record) []journal.Record { return rs[:n-1] }, "does not end with the closing"},
		"no revocation": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "ConsentRevoke")
			return slices.Delete(rs, i, i+1)
		}, ""},
		"a message gone": {func(rs []journal.Record) []journal.Record {
			rs[find(rs, "ConsentRevoke")].Attachment = embedded.Unsealed(nil)
			return rs
		}, "its subject was not erased"},
		"a member's message gone": {func(rs []journal.Record) []journal.Record {
			rs[find(rs, "MemberAdmit")].Attachment = embedded.Unsealed(nil)
			return rs
		}, "speaks of no subject"},
		"another's message": {func(rs []journal.Record) []journal.Record {
			rs[2].Attachment = rs[1].Attachment
			return rs
		}, "not the one that the leaf commits to"},
		"another's signature": {func(rs []journal.Record) []journal.Record {
			r := &rs[find(rs, "ConsentGrant")]
			msg, err := consent.Unmarshal(r.Attachment[1:])
			if err != nil {
				t.Fatal(err)
			}
			msg.Sigs = nil
			if err := msg.Sign(m.Ledger, consenttest.Persona("mallory")); err != nil {
				t.Fatal(err)
			}
			r.Attachment = embedded.Unsealed(&msg)
			return rs
		}, "not signed by the key"},
		"other writes": {func(rs []journal.Record) []journal.Record {
			r := &rs[find(rs, "ConsentRevoke")]
			leaf, err := consent.ParseLeaf(r.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			leaf.Writes[0].Value = []byte(strings.Replace(string(leaf.Writes[0].Value), "\x07revoked", "\x04live", 1))
			r.Leaf = leaf.Marshal()
			return rs
		}, "something else than the leaf says"},
		"sealed": {func(rs []journal.Record) []journal.Record { rs[1].Attachment[0] = 2; return rs }, "no vault"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := forge(t, m.export, c.change)
			e, err := node.OpenExport(context.Background(), dir, nil)
			if c.want == "" { // a history that could have been: it is not the one that the authorities signed
				if err == nil {
					_, err = e.Check(good.Opening)
				}
				if consent.CodeOf(err) != consent.Conflict {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, node.ErrExport) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestExportOfAnotherLedger: a genesis beside another ledger's log does not make it that ledger's.
func TestExportOfAnotherLedger(t *testing.T) {
	m := newMover(t)
	m.close()
	_, other := consenttest.NewWorld("another")
	b, err := json.Marshal(other)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.export, "genesis.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.OpenExport(context.Background(), m.export, nil); !errors.Is(err, node.ErrExport) || !strings.Contains(err.Error(), "another ledger's") {
		t.Fatal(err)
	}
}

// bulk closes and exports a ledger of many messages.
func bulk(t testing.TB, subjects, each int) *mover {
	t.Helper()
	w := nodetest.Start(t, nil)
	m := &mover{World: w, export: filepath.Join(t.TempDir(), "export")}
	var group sync.WaitGroup
	for range subjects {
		s, open := w.World.Open()
		claim := s.Claim()
		chain := []consent.Message{open, claim}
		s.Moved(claim)
		for range each {
			g := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
			s.Moved(g)
			chain = append(chain, g)
		}
		group.Go(func() {
			for _, msg := range chain {
				v, err := consent.Verify(w.Ledger, msg)
				if err == nil {
					_, err = w.Node.Ledger.Submit(context.Background(), v)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	m.close()
	return m
}

// child is set in the process that TestImportIsKilled starts: where to, and how many leaves before it kills itself.
const child = "VOLENS_IMPORT_CHILD"

// TestImportIsKilled: an import that is killed again and again goes on where it was, and until it is done no node starts.
func TestImportIsKilled(t *testing.T) {
	if at := os.Getenv(child); at != "" {
		killed(t, at)
		return
	}
	m := bulk(t, 600, 4) // more than three runs of leaves
	move := m.move()
	b, err := json.Marshal(move.Opening)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.export, "opening.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	kills := 0
	for after := int64(1); ; after += 1000 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestImportIsKilled") //nolint:gosec // the test itself
		cmd.Env = append(os.Environ(), child+"="+strings.Join([]string{m.export, to, strconv.FormatInt(after, 10)}, "|"))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		kills++
		cfg := m.Cfg
		cfg.Paths, cfg.Listen = node.Under(to), "127.0.0.1:0"
		if n, err := node.Start(t.Context(), cfg); err == nil {
			_ = n.Close(t.Context())
			t.Fatal("a node starts on half a ledger")
		} else if !strings.Contains(err.Error(), "not whole") {
			t.Fatal(err)
		}
	}
	if kills < 3 {
		t.Fatalf("killed %d times", kills)
	}
	rep, err := node.Verify(t.Context(), node.Under(to), node.VerifyOptions{State: true})
	if err != nil || rep.Size != int64(move.Export.Size)+1 {
		t.Fatalf("%+v, %v", rep, err)
	}
}

func killed(t *testing.T, at string) {
	t.Helper()
	parts := strings.Split(at, "|")
	after, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	e, err := node.OpenExport(t.Context(), parts[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	m := node.Move{Export: e, Progress: func(done, _ int64) {
		if done >= after {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
	}}
	readJSON(t, filepath.Join(parts[0], "opening.json"), &m.Opening)
	if _, err := m.ImportEmbedded(t.Context(), node.Under(parts[1])); err != nil {
		t.Fatal(err)
	}
}

// FuzzOpenExport spoils one byte of an export: it is refused, or the byte meant nothing and all is as it was.
func FuzzOpenExport(f *testing.F) {
	m := bulk(f, 2, 1)
	good := m.move().Export
	files := []string{"export.json", "genesis.json", "anchor", "log/00000000000000000000.seg"}
	for i := range files {
		f.Add(byte(i), uint32(200), byte(1), false)
		f.Add(byte(i), uint32(900), byte(0x80), true)
	}
	f.Fuzz(func(t *testing.T, which byte, at uint32, change byte, cut bool) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(m.export)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, files[int(which)%len(files)])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		k := int(at) % min(len(b), 16<<10)
		b[k] ^= change
		if cut {
			b = b[:k]
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := node.OpenExport(t.Context(), dir, nil)
		if err != nil {
			if !errors.Is(err, node.ErrExport) {
				t.Fatal(err)
			}
			return
		}
		if e.Size != good.Size || e.Root != good.Root || e.Ledger != good.Ledger || e.Messages != good.Messages {
			t.Fatalf("%+v", e.ExportInfo)
		}
	})
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
