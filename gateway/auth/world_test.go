package auth_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth"
)

const origin = "https://gateway.example"

// world is a small ledger that runs the contract and shows its public state, with a clock and a service that reads it.
type world struct {
	*consenttest.World
	t     testing.TB
	state *consenttest.Memory
	svc   *auth.Service
	alice *consenttest.Subject

	mu          sync.RWMutex
	now         time.Time
	genesis     consent.Genesis
	members     map[consent.MemberID]consent.Member
	heads       map[consent.SubjectID]consent.Head
	delegations map[string]consent.Entry
}

var _ auth.Ledger = (*world)(nil)

// newWorld has the test members, Alice with an active handle, and a service that was started a minute ago.
func newWorld(t testing.TB, change ...func(*auth.Config)) *world {
	t.Helper()
	w := &world{
		t: t, state: consenttest.NewMemory(), now: time.UnixMilli(int64(consenttest.Start)).UTC(),
		members: map[consent.MemberID]consent.Member{}, heads: map[consent.SubjectID]consent.Head{},
		delegations: map[string]consent.Entry{},
	}
	var init consent.Message
	w.World, init = consenttest.NewWorld("auth")
	w.submit(init)
	for _, m := range w.Members() {
		w.submit(m)
	}
	var open consent.Message
	w.alice, open = w.Open()
	w.submit(open)
	w.move(w.alice.Claim())
	w.boot(change...)
	w.advance(time.Minute)
	return w
}

// boot starts a new service on the same ledger: what a restart is to clients.
func (w *world) boot(change ...func(*auth.Config)) {
	w.t.Helper()
	cfg := auth.Config{
		Origin: origin, Now: w.clock,
		SignInsPerRemote: 1 << 30, SignInsPerKey: 1 << 30, TokensPerRemote: 1 << 30, TokensPerClient: 1 << 30,
	}
	for _, c := range change {
		c(&cfg)
	}
	svc, err := auth.New(cfg, w)
	if err != nil {
		w.t.Fatal(err)
	}
	w.svc = svc
}

func (w *world) clock() time.Time {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// move submits a message of Alice's.
func (w *world) move(m consent.Message) {
	w.t.Helper()
	w.submit(m)
	w.alice.Moved(m)
}

func (w *world) submit(m consent.Message) {
	w.t.Helper()
	v, err := consent.Verify(w.Ledger, m)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := consent.Run(consent.Tx{ID: v.Commitment().String(), Time: consent.Millis(w.clock().UnixMilli())}, w.state, v)
	if err != nil {
		w.t.Fatalf("%s: %v", consent.TypeOf(m.Body), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wr := range out.Leaf.Writes {
		if err := w.state.Put(wr.Key, wr.Value); err != nil {
			w.t.Fatal(err)
		}
		w.show(out.Event, wr)
	}
	w.state.Commit()
}

func (w *world) show(ev consent.Event, wr consent.Write) {
	w.t.Helper()
	var err error
	switch kind, _, _ := strings.Cut(wr.Key, "/"); kind {
	case "genesis":
		err = consent.Decode(wr.Value, &w.genesis)
	case "member":
		var m consent.Member
		err = consent.Decode(wr.Value, &m)
		w.members[m.ID] = m
	case "head":
		var h consent.Head
		err = consent.Decode(wr.Value, &h)
		w.heads[ev.Handle] = h
	case "delegation":
		var e consent.Entry
		err = consent.Decode(wr.Value, &e)
		w.delegations[wr.Key] = e
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Genesis() consent.Genesis {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.genesis
}

func (w *world) Member(id consent.MemberID) (consent.Member, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	m, ok := w.members[id]
	return m, ok
}

func (w *world) MemberOfKey(a consent.Address) (consent.Member, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, m := range w.members {
		if slices.Contains(m.Keys, a) {
			return m, true
		}
	}
	return consent.Member{}, false
}

func (w *world) Head(h consent.SubjectID) (consent.Head, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	head, ok := w.heads[h]
	return head, ok
}

func (w *world) Delegation(h consent.SubjectID, seq consent.Uint64) (consent.Entry, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	e, ok := w.delegations[consent.DelegationKey(h, seq)]
	return e, ok
}

// update replaces a member's record.
func (w *world) update(id consent.MemberID, change func(*consent.MemberUpdate)) {
	w.t.Helper()
	m, _ := w.Member(id)
	u := &consent.MemberUpdate{
		Member: id, Seq: m.Seq + 1, Name: m.Name, Roles: m.Roles, Keys: m.Keys, JWKS: m.JWKS, URL: m.URL, Salt: w.Rand.Hash(),
	}
	change(u)
	w.submit(w.Sign(u, consenttest.Persona("trust"), consenttest.Persona("regulator")))
}

func (w *world) suspend(suspended bool) {
	w.t.Helper()
	const id = consenttest.RosaInstitute
	m, _ := w.Member(id)
	b := &consent.MemberSuspend{Member: id, Seq: m.Seq + 1, Suspended: suspended, Reason: "test", Salt: w.Rand.Hash()}
	w.submit(w.Sign(b, consenttest.Persona("trust"), consenttest.Persona("regulator")))
}

// delegate makes the key a proxy of Alice's and returns the opened delegation.
func (w *world) delegate(to sig.Key, change func(*consent.Delegate)) *consent.Delegate {
	w.t.Helper()
	l := w.alice.Link()
	d := &consent.Delegate{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegate: to.Address(), Kind: "proxy", Scope: []string{consent.ScopeView},
		Period: consent.Period{End: consenttest.Start + 24*3600*1000}, Salt: w.Rand.Hash(),
	}
	if change != nil {
		change(d)
	}
	w.move(w.alice.Sign(d))
	return d
}

// endDelegation ends it by Alice's signature.
func (w *world) endDelegation(seq consent.Uint64) {
	w.t.Helper()
	l := w.alice.Link()
	w.move(w.alice.Sign(&consent.DelegateEnd{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegation: seq, Salt: w.Rand.Hash()}))
}

// rotate registers a new key for Alice.
func (w *world) rotate() {
	w.t.Helper()
	l, next, salt := w.alice.Link(), consenttest.Persona("alice's next key"), w.Rand.Hash()
	m := w.SignOpen(&consent.KeyRotate{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, KeyCommit: consent.KeyCommitment(salt, next.Address()), Salt: w.Rand.Hash(),
	}, consent.Openings{KeySalt: &w.alice.KeySalt, NewKeySalt: &salt}, w.alice.Key, next)
	w.move(m)
	w.alice.Key, w.alice.KeySalt = next, salt
}
