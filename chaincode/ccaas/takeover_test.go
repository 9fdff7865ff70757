package ccaas_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/ccaas"
	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

// closed is a closed ledger as an export has it.
type closed struct {
	*bench

	entries   []wire.Entry
	forgotten map[int]string // messages that the erasure took
	hashes    []tlog.Hash
	opening   consent.Message
	alice     *consenttest.Subject
}

func (c *closed) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		out[i] = c.hashes[k]
	}
	return out, nil
}

// add commits messages on the old peer and keeps their leaves.
func (c *closed) add(ms ...consent.Message) {
	c.Helper()
	for _, m := range ms {
		c.entries = append(c.entries, wire.Entry{Leaf: parts(c.do(m))[0].Leaf, Message: string(m.Marshal())})
	}
}

// close makes a small history with an erased subject and closes it.
func closeOne(t *testing.T) *closed {
	t.Helper()
	w, genesis := consenttest.NewWorld(t.Name())
	c := &closed{bench: &bench{T: t, w: w, at: time.UnixMilli(int64(w.Now))}, forgotten: map[int]string{}}
	c.p = newPeer(ccaas.Config{Now: func() time.Time { return c.at }}, string(consenttest.CityHospital))
	c.add(genesis)
	c.add(w.Members()...)
	var subjects []*consenttest.Subject
	for range 3 {
		s, open := w.Open()
		c.add(open)
		claim := s.Claim()
		c.add(claim)
		s.Moved(claim)
		grant := s.Grant(research())
		c.add(grant)
		s.Moved(grant)
		subjects = append(subjects, s)
	}
	revoke := subjects[1].Revoke(3)
	c.add(revoke)
	subjects[1].Moved(revoke)
	c.add(subjects[2].Erase())
	for i, e := range c.entries { // the vault cannot open them any more, and an erasure was never kept
		leaf, err := consent.ParseLeaf([]byte(e.Leaf))
		if err != nil {
			t.Fatal(err)
		}
		if ev, err := consent.EventOf(leaf); err != nil || ev.Handle == subjects[2].Handle {
			c.forgotten[i], c.entries[i].Message = e.Message, ""
		}
	}
	trust, regulator := consenttest.Persona("trust"), consenttest.Persona("regulator")
	c.add(w.Sign(&consent.Close{Seq: 2, Salt: w.Rand.Hash()}, trust, regulator))
	c.sign()
	c.alice = subjects[0]
	return c
}

// sign hashes the leaves and has the authorities sign the root.
func (c *closed) sign() {
	c.hashes = nil
	for i, e := range c.entries {
		h, err := tlog.StoredHashes(int64(i), []byte(e.Leaf), c)
		if err != nil {
			c.Fatal(err)
		}
		c.hashes = append(c.hashes, h...)
	}
	n := len(c.entries)
	c.opening = c.w.Sign(&consent.Import{Seq: 3, Size: consent.Uint64(n), Root: c.root(n), Salt: c.w.Rand.Hash()},
		consenttest.Persona("trust"), consenttest.Persona("regulator"))
}

func (c *closed) root(n int) consent.Hash {
	h, err := tlog.TreeHash(int64(n), c)
	if err != nil {
		c.Fatal(err)
	}
	return consent.Hash(h)
}

// chunk is leaves [from, to).
func (c *closed) chunk(from, to int) wire.Chunk {
	ch := wire.Chunk{Import: string(c.opening.Marshal()), First: consent.Uint64(from), Entries: slices.Clone(c.entries[from:to])}
	if to < len(c.entries) {
		p, err := tlog.ProveTree(int64(len(c.entries)), int64(to), c)
		if err != nil {
			c.Fatal(err)
		}
		for _, h := range p {
			ch.Proof = append(ch.Proof, consent.Hash(h))
		}
	}
	return ch
}

// on is another peer, which knows nothing of the ledger yet.
func (c *closed) on(cfg ccaas.Config) *fakePeer {
	cfg.Now = func() time.Time { return c.at }
	return newPeer(cfg, string(consenttest.CityHospital))
}

func (c *closed) take(p *fakePeer, ch wire.Chunk) *simulation {
	c.next++
	return p.simulate(c.at, fmt.Sprintf("take%d", c.next), wire.TakeOver, consent.Append(nil, ch))
}

func (c *closed) must(p *fakePeer, ch wire.Chunk) *simulation {
	c.Helper()
	s := c.take(p, ch)
	if s.response.Status != 200 {
		c.Fatalf("leaves from %d: %s", ch.First, s.response.Message)
	}
	if !p.commit(s) {
		c.Fatal("invalid")
	}
	return s
}

// TestTakeOver: whatever the chunks are, the new peer ends with the old one's state, bodies and order of leaves, open, and
// its subjects go on.
func TestTakeOver(t *testing.T) {
	for _, size := range []int{1, 3, 4, 7, 100} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := closeOne(t)
			p := c.on(ccaas.Config{Ledger: c.w.Ledger})
			var leaves []string
			for from := 0; from < len(c.entries); from += size {
				if from > 0 {
					if got := codes(p.simulate(c.at, "early", wire.Submit, batch(c.alice.Grant(research()))).response); got[0] != "status 500: unavailable" {
						t.Fatalf("a message in between: %s", got)
					}
				}
				s := c.must(p, c.chunk(from, min(from+size, len(c.entries))))
				for _, part := range parts(s) {
					leaves = append(leaves, part.Leaf)
				}
			}
			for i, e := range c.entries {
				if leaves[i] != e.Leaf {
					t.Fatalf("leaf %d is another", i)
				}
			}
			if len(leaves) != len(c.entries)+1 {
				t.Fatalf("%d leaves of %d", len(leaves), len(c.entries))
			}
			c.same(p)
			revoke := c.alice.Revoke(3)
			s := p.simulate(c.at, "after", wire.Withdraw, batch(revoke))
			if diff := cmp.Diff([]string{""}, codes(s.response)); diff != "" {
				t.Fatal(diff)
			}
			c.want(c.simulate(wire.Withdraw, revoke), "closed")
			if got := c.take(p, c.chunk(0, 1)).response.Message; got != "conflict" {
				t.Fatalf("taken over again: %s", got)
			}
		})
	}
}

// same compares everything but the record of the takeover and that the ledger is open again.
func (c *closed) same(p *fakePeer) {
	c.Helper()
	for k, v := range c.p.state {
		if k != consent.GenesisKey() && !bytes.Equal(v.value, p.state[k].value) {
			c.Fatalf("%s is another", k)
		}
	}
	var g consent.Genesis
	if err := consent.Decode(p.state[consent.GenesisKey()].value, &g); err != nil || g.Closed || g.Seq != 3 {
		c.Fatalf("%+v, %v", g, err)
	}
	if len(p.state) != len(c.p.state)+1 {
		c.Fatalf("%d keys, the old peer has %d", len(p.state), len(c.p.state))
	}
	was := c.p.kept(c.at, consenttest.CityHospital)
	if len(was) < 6 {
		c.Fatalf("the old peer keeps %d messages", len(was))
	}
	if diff := cmp.Diff(was, p.kept(c.at, consenttest.CityHospital)); diff != "" {
		c.Fatalf("bodies (-old +new):\n%s", diff)
	}
}

// TestTakeOverForgets: a host that had not forgotten an erased subject hands over nothing of hers.
func TestTakeOverForgets(t *testing.T) {
	for _, size := range []int{4, 100} {
		c := closeOne(t)
		for i := range c.entries {
			if c.entries[i].Message == "" {
				c.entries[i].Message = c.forgotten[i]
			}
		}
		p := c.on(ccaas.Config{})
		for from := 0; from < len(c.entries); from += size {
			c.must(p, c.chunk(from, min(from+size, len(c.entries))))
		}
		c.same(p)
	}
}

// TestTakeOverRefuses: the first wrong byte is refused where it comes.
func TestTakeOverRefuses(t *testing.T) {
	const half = 6
	for name, c := range map[string]struct {
		spoil func(c *closed, ch *wire.Chunk)
		want  string
	}{
		"a flipped leaf": {func(_ *closed, ch *wire.Chunk) {
			ch.Entries[2].Leaf = ch.Entries[2].Leaf[:50] + "x" + ch.Entries[2].Leaf[51:]
		}, "malformed"},
		"two leaves swapped": {func(_ *closed, ch *wire.Chunk) { ch.Entries[3], ch.Entries[4] = ch.Entries[4], ch.Entries[3] }, "conflict"},
		"a leaf twice":       {func(_ *closed, ch *wire.Chunk) { ch.Entries[3] = ch.Entries[2] }, "conflict"},
		"a leaf left out":    {func(_ *closed, ch *wire.Chunk) { ch.Entries = slices.Delete(ch.Entries, 4, 5) }, "conflict"},
		"a gap":              {func(c *closed, ch *wire.Chunk) { *ch = c.chunk(half+1, half+2) }, "conflict"},
		"again":              {func(c *closed, ch *wire.Chunk) { *ch = c.chunk(0, half) }, "conflict"},
		"another proof":      {func(_ *closed, ch *wire.Chunk) { ch.Proof[0][0] ^= 1 }, "conflict"},
		"no proof":           {func(_ *closed, ch *wire.Chunk) { ch.Proof = nil }, "conflict"},
		"nothing":            {func(_ *closed, ch *wire.Chunk) { ch.Entries = nil }, "too-large"},
		"no Import":          {func(_ *closed, ch *wire.Chunk) { ch.Import = ch.Entries[0].Message }, "malformed"},
		"a missing message":  {func(_ *closed, ch *wire.Chunk) { ch.Entries[0].Message = "" }, ""}, // the leaf alone, proven
		"another's message":  {func(_ *closed, ch *wire.Chunk) { ch.Entries[1].Message = ch.Entries[0].Message }, "malformed"},
		"another Import":     {func(c *closed, ch *wire.Chunk) { ch.Import = string(c.reopen(func(*consent.Import) {}).Marshal()) }, "exists"},
		"a forged signature": {func(c *closed, ch *wire.Chunk) { ch.Entries[1].Message = string(c.forged(ch.Entries[1])) }, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			l := closeOne(t)
			p := l.on(ccaas.Config{})
			l.must(p, l.chunk(0, half))
			ch := l.chunk(half, half+6)
			c.spoil(l, &ch)
			s := l.take(p, ch)
			if s.response.Message != c.want {
				t.Fatalf("%q, want %q", s.response.Message, c.want)
			}
			if c.want != "" && (len(s.writes) > 0 || s.event != nil) {
				t.Fatal("a refused chunk wrote something")
			}
		})
	}
}

// TestTakeOverBegins: a chunk may only begin where there is nothing, with a genesis that was agreed to, and the authorities
// have the last word.
func TestTakeOverBegins(t *testing.T) {
	c := closeOne(t)
	all := func(m consent.Message) wire.Chunk {
		ch := c.chunk(0, len(c.entries))
		ch.Import = string(m.Marshal())
		return ch
	}
	signed := func(by ...string) consent.Message {
		m := consent.Message{Body: c.opening.Body}
		for _, name := range by {
			if err := m.Sign(c.w.Ledger, consenttest.Persona(name)); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	other := c.on(ccaas.Config{Ledger: consent.Hash{1}})
	fresh := func() *fakePeer { return c.on(ccaas.Config{}) }
	for name, try := range map[string]struct {
		p    *fakePeer
		ch   wire.Chunk
		want string
	}{
		"another genesis was agreed": {other, c.chunk(0, 4), "unauthorized"},
		"there is a ledger":          {c.p, c.chunk(0, 4), "exists"},
		"not from the beginning":     {fresh(), c.chunk(1, 4), "state"},
		"one authority":              {fresh(), all(signed("trust")), "unauthorized"},
		"strangers":                  {fresh(), all(signed("mallory", "rosa-institute")), "unauthorized"},
		"another root":               {fresh(), all(c.reopen(func(m *consent.Import) { m.Root[0] ^= 1 })), "conflict"},
		"more than there is":         {fresh(), all(c.reopen(func(m *consent.Import) { m.Size++ })), "conflict"},
		"less than there is":         {fresh(), all(c.reopen(func(m *consent.Import) { m.Size-- })), "malformed"},
		"not closed":                 {fresh(), c.short(), "state"},
		"an Import for a genesis":    {fresh(), c.posing(), "malformed"},
		"all at once":                {fresh(), all(c.opening), ""},
	} {
		if got := c.take(try.p, try.ch).response.Message; got != try.want {
			t.Errorf("%s: %q, want %q", name, got, try.want)
		}
	}
}

// posing is a chunk whose first leaf says that it is of an Import.
func (c *closed) posing() wire.Chunk {
	ch := c.chunk(0, 4)
	leaf, err := consent.ParseLeaf([]byte(ch.Entries[0].Leaf))
	if err != nil {
		c.Fatal(err)
	}
	leaf.Type = "Import"
	ch.Entries[0].Leaf = string(leaf.Marshal())
	return ch
}

// short is the log without its closing, with an Import that says that this is all.
func (c *closed) short() wire.Chunk {
	n := len(c.entries) - 1
	ch := c.chunk(0, n)
	ch.Import = string(c.reopen(func(m *consent.Import) { m.Seq, m.Size, m.Root = 2, consent.Uint64(n), c.root(n) }).Marshal())
	return ch
}

func (c *closed) reopen(change func(*consent.Import)) consent.Message {
	m := *c.opening.Body.(*consent.Import)
	m.Salt = c.w.Rand.Hash()
	change(&m)
	return c.w.Sign(&m, consenttest.Persona("trust"), consenttest.Persona("regulator"))
}

// forged is an entry's message signed by somebody else.
func (c *closed) forged(e wire.Entry) []byte {
	m, err := consent.Unmarshal([]byte(e.Message))
	if err != nil {
		c.Fatal(err)
	}
	m.Sigs = nil
	if err := m.Sign(c.w.Ledger, consenttest.Persona("mallory")); err != nil {
		c.Fatal(err)
	}
	return m.Marshal()
}

// TestTakeOverBelievesNoHost: a leaf that the old host changed is refused although the authorities signed its root.
func TestTakeOverBelievesNoHost(t *testing.T) {
	c := closeOne(t)
	changed := 0
	for i, e := range c.entries {
		leaf, err := consent.ParseLeaf([]byte(e.Leaf))
		if err != nil {
			t.Fatal(err)
		}
		for j, w := range leaf.Writes {
			if was := string(w.Value); leaf.Type == "ConsentRevoke" && bytes.Contains(w.Value, []byte("revoked")) {
				leaf.Writes[j].Value = []byte(string(bytes.ReplaceAll([]byte(was), []byte("\x07revoked"), []byte("\x04live"))))
				changed++
			}
		}
		c.entries[i].Leaf = string(leaf.Marshal())
	}
	if changed != 1 {
		t.Fatalf("%d leaves changed", changed)
	}
	c.sign()
	if got := c.take(c.on(ccaas.Config{}), c.chunk(0, len(c.entries))).response.Message; got != "malformed" {
		t.Fatalf("%q, want malformed", got)
	}
}

// FuzzTakeOver: whatever comes, what is taken over is the closed ledger's own leaves.
func FuzzTakeOver(f *testing.F) {
	var t testing.T
	c := closeOne(&t)
	const half = 6
	first := c.on(ccaas.Config{})
	c.must(first, c.chunk(0, half))
	for _, ch := range []wire.Chunk{c.chunk(0, half), c.chunk(half, half+3), c.chunk(half, len(c.entries)), c.posing()} {
		f.Add(consent.Append(nil, ch))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for from, p := range map[int]*fakePeer{0: c.on(ccaas.Config{}), half: first} {
			s := p.simulate(c.at, "fuzz", wire.TakeOver, b)
			if s.response.Status != 200 {
				if len(s.writes) > 0 || s.event != nil {
					t.Fatal("a refused chunk wrote something")
				}
				continue
			}
			for i, part := range parts(s) {
				if at := from + i; at < len(c.entries) && part.Leaf != c.entries[at].Leaf {
					t.Fatalf("leaf %d is another", at)
				}
			}
		}
	})
}
