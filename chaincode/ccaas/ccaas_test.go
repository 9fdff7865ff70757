package ccaas_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/ccaas"
	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

// bench is a small world on one peer.
type bench struct {
	*testing.T

	w    *consenttest.World
	p    *fakePeer
	at   time.Time
	next int
}

func start(t *testing.T) *bench {
	t.Helper()
	w, genesis := consenttest.NewWorld(t.Name())
	b := &bench{T: t, w: w, at: time.UnixMilli(int64(w.Now))}
	b.p = newPeer(ccaas.Config{Now: func() time.Time { return b.at }}, string(consenttest.CityHospital), "rosa-institute")
	b.do(genesis)
	for _, m := range w.Members() {
		b.do(m)
	}
	return b
}

// simulate runs messages as one transaction.
func (b *bench) simulate(function string, ms ...consent.Message) *simulation {
	b.next++
	return b.p.simulate(b.at, fmt.Sprintf("tx%d", b.next), function, batch(ms...))
}

// do commits messages as one transaction, all of which must be accepted.
func (b *bench) do(ms ...consent.Message) *simulation {
	b.Helper()
	s := b.simulate(wire.Submit, ms...)
	if s.response.Status != 200 || slices.ContainsFunc(codes(s.response), func(c string) bool { return c != "" }) {
		b.Fatalf("%s: %v", consent.TypeOf(ms[0].Body), codes(s.response))
	}
	if !b.p.commit(s) {
		b.Fatal("invalid")
	}
	return s
}

func (b *bench) subject() *consenttest.Subject {
	b.Helper()
	p, open := b.w.Open()
	b.do(open)
	claim := p.Claim()
	b.do(claim)
	p.Moved(claim)
	return p
}

func (b *bench) want(s *simulation, want ...string) {
	b.Helper()
	if diff := cmp.Diff(want, codes(s.response)); diff != "" {
		b.Fatalf("codes (-want +got):\n%s", diff)
	}
}

func research() consent.Consent { return consenttest.ResearchConsent(consenttest.RosaInstitute, 0) }

func TestGenesisComesFirst(t *testing.T) {
	w, genesis := consenttest.NewWorld(t.Name())
	at := time.UnixMilli(int64(w.Now))
	now := func() time.Time { return at }
	member := w.Members()[0]
	_, other := consenttest.NewWorld("another")
	for _, c := range []struct {
		name string
		cfg  ccaas.Config
		ms   []consent.Message
		want []string
	}{
		{"a member first", ccaas.Config{Now: now}, []consent.Message{member}, []string{"state"}},
		{"a subject first", ccaas.Config{Now: now}, []consent.Message{first(w.Open())}, []string{"state"}},
		{"the genesis", ccaas.Config{Now: now}, []consent.Message{genesis}, []string{""}},
		{"two at once", ccaas.Config{Now: now}, []consent.Message{genesis, other}, []string{"", "unavailable"}},
		{"with a member that needs it", ccaas.Config{Now: now}, []consent.Message{genesis, member}, []string{"", "state"}},
		{"the agreed one", ccaas.Config{Now: now, Ledger: w.Ledger}, []consent.Message{genesis}, []string{""}},
		{"another than agreed", ccaas.Config{Now: now, Ledger: w.Ledger}, []consent.Message{other}, []string{"unauthorized"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPeer(c.cfg).simulate(at, "tx", wire.Submit, batch(c.ms...))
			if diff := cmp.Diff(c.want, codes(s.response)); diff != "" {
				t.Fatalf("codes (-want +got):\n%s", diff)
			}
		})
	}
	b := start(t)
	b.want(b.simulate(wire.Submit, other), "exists")
}

func first(_ *consenttest.Subject, m consent.Message) consent.Message { return m }

// One batch: neighbours do not sink each other, and what depends on another message of the batch waits.
func TestBatch(t *testing.T) {
	b := start(t)
	alice, bob, carol := b.subject(), b.subject(), b.subject()
	good, bad := alice.Grant(research()), bob.Revoke(7)
	again := alice.Grant(research())
	forged := b.w.SignOpen(carol.RevokeAll().Body, consent.Openings{KeySalt: &carol.KeySalt}, consenttest.Persona("mallory"))
	_, sameSlot := b.w.Open()
	clash := *sameSlot.Body.(*consent.SubjectOpen)
	clash.Handle = b.w.Rand.Handle()
	s := b.simulate(wire.Submit, good, bad, again, forged, carol.RevokeAll(), sameSlot, b.w.Sign(&clash, consenttest.Persona(string(consenttest.CityHospital))))
	b.want(s, "", "not-found", "unavailable", "signature", "", "", "unavailable")
	if n := len(parts(s)); n != 3 {
		t.Fatalf("%d parts, want 3", n)
	}
	if !b.p.commit(s) {
		t.Fatal("invalid")
	}
	alice.Moved(good)
	b.want(b.simulate(wire.Submit, again), "conflict")
	b.want(b.simulate(wire.Submit, again, bad, forged), "conflict", "not-found", "conflict")
}

// A transaction equals its messages one after another: the state that it leaves is what a ledger gives that takes them
// singly, and each part is that ledger's leaf.
func TestPartsAreTheContractsLeaves(t *testing.T) {
	b := start(t)
	people := []*consenttest.Subject{b.subject(), b.subject(), b.subject()}
	var ms []consent.Message
	for _, p := range people {
		ms = append(ms, p.Grant(research()))
	}
	s := b.simulate(wire.Submit, ms...)
	b.want(s, "", "", "")
	for i, part := range parts(s) {
		v, err := consent.Verify(b.w.Ledger, ms[i])
		if err != nil {
			t.Fatal(err)
		}
		out, err := consent.Run(consent.Tx{ID: "x", Time: consent.Millis(b.at.UnixMilli())}, committed{b.p}, v)
		if err != nil {
			t.Fatal(err)
		}
		want := wire.Part{Leaf: string(out.Leaf.Marshal()), Kept: true}
		if diff := cmp.Diff(want, part); diff != "" {
			t.Fatalf("part %d (-want +got):\n%s", i, diff)
		}
	}
}

type committed struct{ p *fakePeer }

func (c committed) Get(key string) ([]byte, error) { return c.p.state[key].value, nil }

// Many messages cost few round trips to the peer.
func TestRoundTrips(t *testing.T) {
	b := start(t)
	var ms []consent.Message
	for range 64 {
		ms = append(ms, b.subject().Grant(research()))
	}
	if s := b.simulate(wire.Submit, ms...); s.trips > 3 || len(parts(s)) != 64 {
		t.Fatalf("%d parts in %d round trips", len(parts(s)), s.trips)
	}
}

// Private values go to the custodian's collection alone, an erasure purges them, and no public byte tells anything.
func TestNothingPersonalIsPublic(t *testing.T) {
	b := start(t)
	p := b.subject()
	grant := p.Grant(canary())
	s := b.do(grant)
	p.Moved(grant)
	place := p.Handle.String() + "/3"
	if got := b.p.bodies(b.at, consenttest.CityHospital, s.id, place)[0]; got != string(grant.Marshal()) {
		t.Fatalf("the collection gives %d bytes, want the message", len(got))
	}
	refusal := b.simulate(wire.Submit, p.Revoke(99))
	revoke := p.Revoke(3)
	withdrawal := b.simulate(wire.Withdraw, revoke)
	b.want(withdrawal, "")
	for name, secret := range secretsOf(p, grant, revoke) {
		for _, s := range []*simulation{s, refusal, withdrawal} {
			if strings.Contains(s.public()+string(s.event)+string(s.response.Payload)+s.response.Message, secret) {
				t.Errorf("%s is public", name)
			}
		}
	}
	if len(withdrawal.private) != 0 || parts(withdrawal)[0].Kept {
		t.Fatal("a withdrawal has private writes")
	}
	erase := p.Erase()
	s = b.simulate(wire.Withdraw, erase)
	b.want(s, "")
	if !b.p.commit(s) {
		t.Fatal("invalid")
	}
	if left := b.p.kept(b.at, consenttest.CityHospital); len(left) != 0 {
		t.Fatalf("%d messages are left after the erasure", len(left))
	}
	for key, value := range b.p.collections[string(consenttest.CityHospital)] {
		for name, secret := range secretsOf(p, grant, revoke) {
			if strings.Contains(string(value), secret) {
				t.Errorf("%s can be read under %s after the erasure", name, key)
			}
		}
	}
	b.want(b.simulate(wire.Submit, p.RevokeAll()), "erased")
}

// canary is a consent whose words are nowhere else.
func canary() consent.Consent {
	c := research()
	c.Identifiers = []consent.Identifier{{System: "urn:canary-system", Value: "canary-value"}}
	c.Grantors = []string{"Patient/canary-grantor"}
	return c
}

// secretsOf lists what of a subject and her messages must be in no block.
func secretsOf(p *consenttest.Subject, ms ...consent.Message) map[string]string {
	address := p.Key.Address()
	secrets := map[string]string{
		"a text": "canary", "the recipient": "Organization/rosa", "the purpose": "HRESCH", "the code": p.Code,
		"the key's address": string(address[:]), "the key's salt": string(p.KeySalt[:]),
	}
	for i, m := range ms {
		secrets[fmt.Sprintf("signature %d", i)] = string(m.Sigs[0][:])
	}
	return secrets
}

// A peer that has not got a subject's opening keeps nothing of hers, and its other subjects do not wait for it.
func TestOpeningNotHere(t *testing.T) {
	b := start(t)
	p, q := b.subject(), b.subject()
	all := b.p.collections[string(consenttest.CityHospital)]
	key := consent.BodyKey(p.Handle, 1)
	opening := all[key]
	delete(all, key)
	mine, other := p.Grant(research()), q.Grant(research())
	s := b.simulate(wire.Submit, mine, other)
	b.want(s, "unavailable", "")
	if got := parts(s); len(got) != 1 || !b.p.commit(s) {
		t.Fatalf("%d parts", len(got))
	}
	if got := b.p.bodies(b.at, consenttest.CityHospital, s.id, q.Handle.String()+"/3"); got[0] != string(other.Marshal()) {
		t.Fatal("the other subject's message is not kept")
	}
	all[key] = opening
	b.want(b.simulate(wire.Submit, mine), "")
	all[key] = []byte("torn")
	b.want(b.simulate(wire.Submit, mine, b.subject().Grant(research())), "unavailable", "")
}

// What one transaction seals another one, or another peer, seals alike; what a bit of has changed is not given back.
func TestSealed(t *testing.T) {
	b := start(t)
	p := b.subject()
	grant := p.Grant(research())
	one, other := b.simulate(wire.Submit, grant), b.simulate(wire.Submit, grant)
	city := string(consenttest.CityHospital)
	text := one.private[city]["sealed/"+one.id]
	if text == "" || text != other.private[city]["sealed/"+other.id] || len(one.private[city]) != 1 {
		t.Fatalf("%d bytes sealed, under %d keys", len(text), len(one.private[city]))
	}
	if !b.p.commit(one) {
		t.Fatal("invalid")
	}
	place := p.Handle.String() + "/3"
	for i := range len(text) {
		torn := []byte(text)
		torn[i] ^= 1
		b.p.collections[city]["sealed/"+one.id] = torn
		if got := b.p.bodies(b.at, consenttest.CityHospital, one.id, place)[0]; got != "" && got != "internal" && got != string(grant.Marshal()) {
			t.Fatalf("byte %d flipped: the collection gives %d other bytes", i, len(got))
		}
	}
}

func TestWithdrawTakesWithdrawalsOnly(t *testing.T) {
	b := start(t)
	p, q := b.subject(), b.subject()
	b.want(b.simulate(wire.Withdraw, p.Grant(research()), q.RevokeAll()), "malformed", "")
}

// A batch writes into one custodian's collection.
func TestOneCustodian(t *testing.T) {
	b := start(t)
	rosa := consenttest.Persona(string(consenttest.RosaInstitute))
	b.do(b.w.Sign(&consent.MemberUpdate{
		Member: consenttest.RosaInstitute, Seq: 2, Name: "Rosa's Institute", Roles: []consent.Role{consent.Custodian},
		Keys: []consent.Address{rosa.Address()}, Salt: b.w.Rand.Hash(),
	}, consenttest.Persona("trust"), consenttest.Persona("regulator")))
	open := b.w.Sign(&consent.SubjectOpen{
		Handle: b.w.Rand.Handle(), Custodian: consenttest.RosaInstitute, CodeCommit: b.w.Rand.Hash(), Salt: b.w.Rand.Hash(),
	}, rosa)
	b.want(b.simulate(wire.Submit, b.subject().Grant(research()), open), "", "unavailable")
	b.want(b.simulate(wire.Submit, open), "")
}

func TestClocks(t *testing.T) {
	b := start(t)
	m := b.subject().Grant(research())
	for skew, want := range map[time.Duration]string{
		0: "", 59 * time.Second: "", -59 * time.Second: "unavailable", // a minute behind the head
		61 * time.Second: "status 500: unavailable", -61 * time.Second: "status 500: unavailable",
	} {
		s := b.p.simulate(b.at.Add(skew), "tx", wire.Submit, batch(m))
		if got := codes(s.response)[0]; got != want {
			t.Errorf("skew %s: %q, want %q", skew, got, want)
		}
	}
}

// Of two transactions for one place in a subject's chain that were endorsed on the same state, the second is invalid.
func TestOneKeySerialisesASubject(t *testing.T) {
	b := start(t)
	p, q := b.subject(), b.subject()
	one, two, other := b.simulate(wire.Submit, p.Grant(research())), b.simulate(wire.Withdraw, p.RevokeAll()), b.simulate(wire.Submit, q.Grant(research()))
	if !b.p.commit(two) || b.p.commit(one) || !b.p.commit(other) {
		t.Fatal("the revocation and the other subject's grant are valid, the overtaken grant is not")
	}
}

func TestQueries(t *testing.T) {
	b := start(t)
	p := b.subject()
	grant := p.Grant(research())
	tx := b.do(grant).id
	ask := func(function string, args ...string) []string {
		s := b.p.simulate(b.at, "q", function, nil, args...)
		var v wire.Values
		if s.response.Status != 200 {
			return []string{s.response.Message}
		}
		if err := consent.Decode(s.response.Payload, &v); err != nil {
			t.Fatal(err)
		}
		return v.Values
	}
	head := string(b.p.state[consent.HeadKey(p.Handle)].value)
	genesis := string(b.p.state[consent.GenesisKey()].value)
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"state", ask(wire.State, consent.HeadKey(p.Handle), "head/none"), []string{head, ""}},
		{"genesis", ask(wire.Genesis), []string{genesis}},
		{"bodies", ask(wire.Bodies, string(consenttest.CityHospital), tx, p.Handle.String()+"/3", p.Handle.String()+"/4"), []string{string(grant.Marshal()), ""}},
		{"bodies of another transaction", ask(wire.Bodies, string(consenttest.CityHospital), "tx", p.Handle.String()+"/3"), []string{""}},
		{"bodies of nobody", ask(wire.Bodies, "nobody", tx, p.Handle.String()+"/3"), []string{"unavailable"}},
		{"no place", ask(wire.Bodies, string(consenttest.CityHospital), tx, "x/1"), []string{"malformed"}},
		{"no number", ask(wire.Bodies, string(consenttest.CityHospital), tx, p.Handle.String()+"/x"), []string{"malformed"}},
		{"no keys", ask(wire.State), []string{"malformed"}},
		{"no places", ask(wire.Bodies, string(consenttest.CityHospital), tx), []string{"malformed"}},
		{"no function", ask("other"), []string{"malformed"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A host that cannot read or write says so and endorses nothing.
func TestTrouble(t *testing.T) {
	b := start(t)
	m := b.subject().Grant(research())
	var told []string
	cfg := ccaas.Config{Now: func() time.Time { return b.at }, Trouble: func(f string, err error) { told = append(told, f+": "+err.Error()) }}
	b.p.contract = ccaas.New(cfg)
	delete(b.p.collections, string(consenttest.CityHospital))
	if s := b.simulate(wire.Submit, m); s.response.Status != 500 || s.response.Message != "internal" || s.event != nil {
		t.Fatalf("without a collection: %v", s.response)
	}
	if s := b.p.simulate(b.at, "tx", wire.Submit, []byte("no batch")); s.response.Status != 500 || s.response.Message != "malformed" {
		t.Fatalf("no batch: %v", s.response)
	}
	if s := b.p.simulate(b.at, "tx", wire.Submit, batch(slices.Repeat([]consent.Message{m}, wire.MaxBatch+1)...)); s.response.Message != "too-large" {
		t.Fatalf("too many: %v", s.response)
	}
	if len(told) != 3 {
		t.Fatalf("told %q", told)
	}
	if err := (ccaas.Service{}).Serve("", b.p.contract); err == nil {
		t.Fatal("served without a package id")
	}
}

// FuzzCall gives the chaincode any input: it answers with codes only.
func FuzzCall(f *testing.F) {
	w, genesis := consenttest.NewWorld("fuzz")
	at := time.UnixMilli(int64(w.Now))
	f.Add(wire.Submit, batch(genesis), "")
	f.Add(wire.Withdraw, batch(genesis, genesis), "genesis")
	f.Add(wire.State, []byte{}, "head/x")
	f.Add(wire.Bodies, []byte{}, "city-hospital")
	known := map[string]bool{"": true}
	for _, c := range consent.Codes() {
		known[string(c)] = true
	}
	f.Fuzz(func(t *testing.T, function string, transient []byte, arg string) {
		s := newPeer(ccaas.Config{Now: func() time.Time { return at }}).simulate(at, "tx", function, transient, arg)
		for _, c := range strings.Split(s.response.Message, ",") {
			if !known[c] {
				t.Fatalf("the response says %q", s.response.Message)
			}
		}
	})
}

func TestBuilder(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("connection.json", `{"address":"x"}`)
	put("metadata.json", `{"type":"golang"}`)
	if ccaas.BuilderStep("detect", []string{in, in}) == nil {
		t.Fatal("took a package of another type")
	}
	put("metadata.json", `{"type":"ccaas","label":"x"}`)
	err := errors.Join(
		ccaas.BuilderStep("detect", []string{in, in}),
		ccaas.BuilderStep("build", []string{in, in, filepath.Join(out, "b")}),
		ccaas.BuilderStep("release", []string{filepath.Join(out, "b"), filepath.Join(out, "r")}),
	)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "r", "chaincode", "server", "connection.json"))
	if err != nil || !bytes.Equal(got, []byte(`{"address":"x"}`)) {
		t.Fatalf("released %q, %v", got, err)
	}
	for _, step := range []string{"run", "detect"} {
		if ccaas.BuilderStep(step, nil) == nil {
			t.Errorf("%s without folders", step)
		}
	}
}
