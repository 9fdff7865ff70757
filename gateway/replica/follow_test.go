package replica_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/replica"
)

// dump is all that a replica says of subjects.
func (s *scene) dump(subjects []*consenttest.Subject) []any {
	s.t.Helper()
	out := []any{s.replica.Position(), s.replica.Members(), s.replica.Genesis()}
	for _, who := range subjects {
		head, _ := s.replica.Head(who.Handle)
		held, err := s.replica.Consents(who.Handle)
		s.must(err)
		delegations, err := s.replica.Delegations(who.Handle)
		s.must(err)
		out = append(out, head, held, delegations)
		for _, c := range held {
			body, err := s.replica.Body(who.Handle, c.Seq)
			s.must(err)
			out = append(out, body)
		}
	}
	return out
}

// history makes subjects with all that can happen to them.
func (s *scene) history(n int) []*consenttest.Subject {
	s.t.Helper()
	var all []*consenttest.Subject
	for i := range n {
		who := s.enrol(consent.Uint64(i % 2))
		all = append(all, who)
		l := who.Link()
		narrow := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
		narrow.Provisions[0].ResourceTypes = []consent.Coding{{Code: "Condition"}}
		s.submit(who, who.Sign(&consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Replaces: 3, Consent: narrow, Salt: s.Rand.Hash()}))
		l = who.Link()
		s.submit(who, s.Sign(&consent.ConsentAttest{
			Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Evidence: s.Rand.Hash(), Consent: narrow, Salt: s.Rand.Hash(),
		}, consenttest.Persona(string(consenttest.CityHospital))))
		l = who.Link()
		s.submit(who, who.Sign(&consent.Delegate{
			Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegate: consenttest.Persona("helper").Address(), Kind: "proxy", Scope: []string{consent.ScopeView},
			Period: consent.Period{End: s.Now + 1000}, Salt: s.Rand.Hash(),
		}))
		switch i % 3 {
		case 1:
			s.submit(who, who.Revoke(4))
		case 2:
			s.submit(who, who.RevokeAll())
		}
	}
	return all
}

// index are the files of the index that hold anything.
func (s *scene) index() []string {
	s.t.Helper()
	var files []string
	s.must(filepath.WalkDir(filepath.Join(s.cfg.Dir, "replica"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	}))
	return files
}

// TestRebuild checks that an index that is gone, foreign, ahead or damaged is made anew from the ledger, and comes out the same.
func TestRebuild(t *testing.T) {
	s := open(t, nil)
	all := s.history(9)
	want := s.dump(all)
	check := func(how string) {
		t.Helper()
		s.start()
		if d := cmp.Diff(want, s.dump(all)); d != "" {
			t.Errorf("%s: %s", how, d)
		}
		s.stop()
	}
	s.stop()
	check("as it was")
	s.must(os.RemoveAll(filepath.Join(s.cfg.Dir, "replica")))
	check("without index")
	for _, name := range []string{"MANIFEST", "KEYREGISTRY"} {
		if err := os.Remove(filepath.Join(s.cfg.Dir, "replica", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		check("without " + name)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		files := s.index()
		path := files[r.IntN(len(files))]
		b, err := os.ReadFile(path)
		s.must(err)
		at := r.IntN(min(len(b), 4096))
		b[at] ^= 1 << r.IntN(8)
		s.must(os.WriteFile(path, b, 0o600))
		check("with a flipped bit in " + filepath.Base(path))
	}
}

// TestForeignIndex checks that another ledger's index is not believed.
func TestForeignIndex(t *testing.T) {
	s := open(t, nil)
	s.enrol(0)
	s.stop()
	other := open(t, func(c *replica.Config) { c.Dir = t.TempDir() })
	other.history(4)
	other.stop()
	s.must(os.RemoveAll(filepath.Join(s.cfg.Dir, "replica")))
	s.must(os.CopyFS(filepath.Join(s.cfg.Dir, "replica"), os.DirFS(filepath.Join(other.cfg.Dir, "replica"))))
	s.start()
	if s.replica.Position() != s.ledger.Position() || len(s.replica.Members()) != 4 {
		t.Errorf("position %d of %d", s.replica.Position(), s.ledger.Position())
	}
}

// TestFollowFails checks that a replica that cannot go on denies everything and says why.
func TestFollowFails(t *testing.T) {
	s := open(t, nil)
	alice := s.enrol(0)
	broken := errors.New("the ledger went away")
	s.ledger.set(func() { s.ledger.fail = broken })
	for s.replica.Failed() == nil {
		time.Sleep(time.Millisecond)
	}
	if !errors.Is(s.replica.Failed(), broken) || s.replica.Fresh() == nil {
		t.Errorf("%v, %v", s.replica.Failed(), s.replica.Fresh())
	}
	v := s.enter(alice, nil)
	if v.Refused == nil {
		t.Error("a reader was let in")
	}
	v.Leave()
	if err := s.replica.Wait(context.Background(), s.replica.Position()+1); consent.CodeOf(err) != consent.Unavailable || !errors.Is(err, broken) {
		t.Errorf("wait: %v", err)
	}
}

// TestStale checks the staleness of a replica that is held up, and that neither a silent nor a busy ledger makes it stale.
func TestStale(t *testing.T) {
	var passed atomic.Int64 // the test's clock moves by hand
	begin := time.Now()
	s := open(t, func(c *replica.Config) {
		c.Now = func() time.Time { return begin.Add(time.Duration(passed.Load())) }
	})
	alice := s.enrol(0)
	passed.Add(int64(time.Hour)) // of silence
	time.Sleep(2 * s.cfg.MaxStale)
	s.ledger.set(func() { s.ledger.held = true })
	s.submit(alice, alice.RevokeAll())
	if err := s.replica.Fresh(); err != nil {
		t.Errorf("just after a silence: %v", err)
	}
	passed.Add(int64(s.cfg.MaxStale) + 1)
	if s.replica.Fresh() == nil {
		t.Error("held up for longer than may be, and fresh")
	}
	v := s.enter(alice, nil)
	if v.Refused == nil || v.Refused == replica.ErrPending { //nolint:errorlint // the sentinel itself; both have one code
		t.Errorf("%v", v.Refused)
	}
	v.Leave()
	wait, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := s.replica.Wait(wait, s.ledger.Position()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
	s.ledger.set(func() { s.ledger.held = false })
	s.must(s.replica.Wait(context.Background(), s.ledger.Position()))
	if err := s.replica.Fresh(); err != nil || s.live(alice) != 0 {
		t.Errorf("caught up: %v, %d", err, s.live(alice))
	}
	for range 12 { // a ledger that has one message more whenever somebody looks
		time.Sleep(s.cfg.MaxStale)
		passed.Add(int64(s.cfg.MaxStale / 2))
		s.ledger.set(func() { s.ledger.held = true })
		s.submit(alice, alice.RevokeAll())
		if err := s.replica.Fresh(); err != nil {
			t.Fatalf("busy: %v", err)
		}
		s.ledger.set(func() { s.ledger.held = false })
		s.must(s.replica.Wait(context.Background(), s.ledger.Position()))
	}
}

func TestErasedLeavesNothing(t *testing.T) {
	s := open(t, nil)
	alice, bob := s.enrol(2), s.enrol(0)
	v := s.enter(alice, nil)
	v.Leave()
	s.submit(alice, alice.Erase())
	check := func() {
		t.Helper()
		if _, err := s.replica.Enter(alice.Handle, nil); consent.CodeOf(err) != consent.Erased {
			t.Errorf("enter: %v", err)
		}
		if head, ok := s.replica.Head(alice.Handle); !ok || head.State != consent.Gone {
			t.Errorf("head %+v", head)
		}
		if held, err := s.replica.Consents(alice.Handle); err != nil || len(held) != 0 {
			t.Errorf("consents %+v, %v", held, err)
		}
		if _, err := s.replica.Body(alice.Handle, 3); err == nil {
			t.Error("a body is still there")
		}
		if s.live(bob) != 1 {
			t.Error("somebody else is gone too")
		}
	}
	check()
	s.stop()
	s.start()
	check()
	s.stop()
	s.must(os.RemoveAll(filepath.Join(s.cfg.Dir, "replica")))
	s.start()
	check()
}

// TestLargeBatch checks that a replica that is far behind takes messages of any size in.
func TestLargeBatch(t *testing.T) {
	s := open(t, nil)
	alice := s.enrol(0)
	large := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	for range 30 {
		large.Policies = append(large.Policies, strings.Repeat("x", 1000))
	}
	s.stop()
	for range 150 { // some 5 MB
		s.submit(alice, alice.Grant(large))
	}
	s.start()
	if n := s.live(alice); n != 151 {
		t.Errorf("%d consents", n)
	}
}

// TestEviction checks that a cache with hardly any room answers as one with enough, and keeps what is in use.
func TestEviction(t *testing.T) {
	s := open(t, func(c *replica.Config) { c.Subjects, c.Shapes = 1, 1 })
	var all []*consenttest.Subject
	for range 60 {
		all = append(all, s.enrol(1))
	}
	first := s.enter(all[0], nil)
	if !first.Reserve([]consent.Uint64{3}) {
		t.Fatal("no use left")
	}
	for range 3 {
		for range 3000 { // more than there is room for
			if _, err := s.replica.Enter(s.Rand.Handle(), nil); consent.CodeOf(err) != consent.NotFound {
				t.Fatal(err)
			}
		}
		for i, who := range all[1:] {
			if s.live(who) != 1 {
				t.Fatalf("subject %d", i)
			}
		}
	}
	if s.counted <= len(all) {
		t.Error("nobody was put out of memory")
	}
	again := s.enter(all[0], nil)
	if again.Reserve([]consent.Uint64{3}) {
		t.Error("a subject in use was put out of memory: its last use was given twice")
	}
	again.Leave()
	first.Leave()
	s.must(s.replica.Warm(len(all), func(i int) consent.SubjectID { return all[i].Handle }))
}

func TestRoster(t *testing.T) {
	s := open(t, nil)
	before := s.replica.RosterVersion()
	rosa, ok := s.replica.MemberOfKey(consenttest.Persona(string(consenttest.RosaInstitute)).Address())
	if !ok || rosa.ID != consenttest.RosaInstitute {
		t.Fatalf("%+v", rosa)
	}
	if _, ok := s.replica.MemberOfKey(consenttest.Persona("stranger").Address()); ok {
		t.Error("a stranger is a member")
	}
	s.submit(nil, s.Sign(&consent.MemberSuspend{Member: rosa.ID, Seq: rosa.Seq + 1, Suspended: true, Salt: s.Rand.Hash()},
		consenttest.Persona("trust"), consenttest.Persona("regulator")))
	now, _ := s.replica.Member(rosa.ID)
	if !now.Suspended || s.replica.RosterVersion() == before || len(s.replica.MemberMessages()) != 6 || len(s.replica.Members()) != 4 {
		t.Errorf("%+v, version %d after %d", now, s.replica.RosterVersion(), before)
	}
}

// shared is a ledger that others write to as well.
type shared struct {
	*ledger
	behind atomic.Int64
}

func (s *shared) Behind() time.Duration { return time.Duration(s.behind.Load()) }

// TestBehind checks that a replica of a shared ledger denies when what the ledger knows is too old, and answers again when it
// is not.
func TestBehind(t *testing.T) {
	var l *shared
	s := open(t, func(c *replica.Config) {
		own, ok := c.Ledger.(*ledger)
		if !ok {
			t.Fatal("not the kit's ledger")
		}
		l = &shared{ledger: own}
		c.Ledger, c.MaxStale = l, 5*time.Second
	})
	alice := s.enrol(0)
	for _, c := range []struct {
		behind time.Duration
		fresh  bool
	}{{time.Second, true}, {5 * time.Second, true}, {5*time.Second + 1, false}, {time.Hour, false}, {0, true}} {
		l.behind.Store(int64(c.behind))
		v := s.enter(alice, nil)
		if got := v.Refused == nil; got != c.fresh {
			t.Errorf("%v behind: fresh %v, %v", c.behind, got, v.Refused)
		}
		v.Leave()
	}
}
