package ccaas

import (
	"maps"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// takeover is one chunk of a closed ledger on its way through a transaction.
type takeover struct {
	chunk   wire.Chunk
	whole   consent.Tree     // what the Import names
	opening consent.Verified // the Import
	ledger  consent.Hash
	taken   wire.Taken // before the chunk, then after it
	leaves  []consent.Leaf
	vs      []*consent.Verified // nil where the message is not there any more
	outs    []consent.Outcome
	over    map[string][]byte // public writes of the chunk, the last of each key
	parts   []wire.Part
}

// takeOver takes consecutive leaves of a closed ledger. Each is hashed into the tree that the Import names, so that the
// first wrong byte is refused here and now; the contract runs again on every message that is still there. The last chunk
// puts the Import itself on the ledger, which opens it.
func (c *Contract) takeOver(stub Stub) (wire.Taken, error) {
	tx, err := c.tx(stub)
	if err != nil {
		return wire.Taken{}, err
	}
	t := &takeover{}
	if err := t.read(stub); err != nil {
		return t.taken, err
	}
	st := state{stub: stub, known: map[string][]byte{}}
	if err := st.fetch([]string{consent.GenesisKey(), wire.TakenKey}); err != nil {
		return t.taken, err
	}
	for _, step := range []func() error{
		func() error { return t.begin(&st, c.cfg.Ledger) },
		t.verify,
		func() error { return t.run(&st) },
		t.grow,
		func() error { return t.open(&st, tx) },
		func() error { return t.write(stub) },
	} {
		if err := step(); err != nil {
			return t.taken, err
		}
	}
	return t.taken, nil
}

func (t *takeover) read(stub Stub) error {
	transient, err := stub.GetTransient()
	if err != nil {
		return consent.Errorf(consent.Malformed, "read the transient data: %w", err)
	}
	if err := consent.Decode(transient[wire.Transient], &t.chunk); err != nil {
		return err
	}
	if n := len(t.chunk.Entries); n == 0 || n > wire.MaxLeaves {
		return consent.Errorf(consent.TooLarge, "a chunk has 1 to %d leaves", wire.MaxLeaves)
	}
	t.leaves, t.vs = make([]consent.Leaf, len(t.chunk.Entries)), make([]*consent.Verified, len(t.chunk.Entries))
	for i, e := range t.chunk.Entries {
		if t.leaves[i], err = consent.ParseLeaf([]byte(e.Leaf)); err != nil {
			return err
		}
	}
	return nil
}

// begin finds the place of the chunk. The first one brings the genesis, which gives the ledger its id.
func (t *takeover) begin(st *state, agreed consent.Hash) (err error) {
	if b := st.known[wire.TakenKey]; b != nil {
		if err := consent.Decode(b, &t.taken); err != nil {
			return consent.Errorf(consent.Internal, "read how far the ledger was taken over: %w", err)
		}
		t.ledger, err = st.ledger()
	} else {
		t.ledger, err = t.genesis(st, agreed)
	}
	if err != nil {
		return err
	}
	m, err := consent.Unmarshal([]byte(t.chunk.Import))
	if err != nil {
		return err
	}
	i, ok := m.Body.(*consent.Import)
	if !ok {
		return consent.Errorf(consent.Malformed, "a ledger is taken over by an Import")
	}
	if t.opening, err = consent.Verify(t.ledger, m); err != nil {
		return err
	}
	t.whole = consent.Tree{Size: i.Size, Root: i.Root}
	if t.taken.Size == 0 {
		t.taken.Import, t.taken.Of = t.opening.Commitment(), i.Size
	}
	switch {
	case t.taken.Import != t.opening.Commitment():
		return consent.Errorf(consent.Exists, "another log is being taken over")
	case t.chunk.First != t.taken.Size || t.taken.Size == t.taken.Of:
		return consent.Errorf(consent.Conflict, "%d leaves of %d were taken over", t.taken.Size, t.taken.Of)
	case uint64(t.taken.Of-t.taken.Size) < uint64(len(t.leaves)):
		return consent.Errorf(consent.Malformed, "the chunk goes beyond the log")
	}
	return nil
}

func (t *takeover) genesis(st *state, agreed consent.Hash) (consent.Hash, error) {
	if st.known[consent.GenesisKey()] != nil {
		return consent.Hash{}, consent.Errorf(consent.Exists, "there is a ledger here that was not taken over")
	}
	m, err := consent.Unmarshal([]byte(t.chunk.Entries[0].Message))
	if err != nil {
		return consent.Hash{}, err
	}
	g, ok := m.Body.(*consent.Init)
	if !ok {
		return consent.Hash{}, consent.Errorf(consent.WrongState, "a ledger begins with its genesis")
	}
	id := consent.LedgerID(g)
	if !agreed.IsZero() && id != agreed {
		return id, consent.Errorf(consent.Unauthorized, "this organisation agreed to another genesis")
	}
	return id, nil
}

// verify verifies the messages on all cores: each goroutine has its own places.
func (t *takeover) verify() error {
	errs := make([]error, len(t.leaves))
	workers := min(runtime.GOMAXPROCS(0), len(errs))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(errs); i += workers {
				errs[i] = t.verifyOne(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs { // the first in order, so that all endorsers say the same
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *takeover) verifyOne(i int) error {
	raw := t.chunk.Entries[i].Message
	if raw == "" {
		_, err := consent.AloneAbout(t.leaves[i])
		return err
	}
	m, err := consent.Unmarshal([]byte(raw))
	if err != nil {
		return err
	}
	v, err := consent.Verify(t.ledger, m)
	if err == nil && v.Commitment() != t.leaves[i].Commitment {
		err = consent.Errorf(consent.Malformed, "the message is not the one that the leaf commits to")
	}
	t.vs[i] = &v
	return err
}

// replayed is the state as the leaves so far leave it.
type replayed struct {
	*state

	over   map[string][]byte
	missed map[string]bool
	short  bool // the last run asked for what is not known
}

// Get implements consent.Reader.
func (r *replayed) Get(key string) ([]byte, error) {
	if b, ok := r.over[key]; ok {
		return b, nil
	}
	b, ok := r.known[key]
	if !ok {
		r.missed[key], r.short = true, true
		return nil, errMissed
	}
	return b, nil
}

// run runs the contract again, leaf by leaf. What it asks for and is not known is fetched in one go for the whole chunk;
// then it runs anew.
func (t *takeover) run(st *state) error {
	for {
		r := &replayed{state: st, over: map[string][]byte{}, missed: map[string]bool{}}
		if err := t.runOnce(r); err != nil {
			return err
		}
		if len(r.missed) == 0 {
			t.over = r.over
			return nil
		}
		if err := st.fetch(slices.Sorted(maps.Keys(r.missed))); err != nil {
			return err
		}
	}
}

func (t *takeover) runOnce(r *replayed) error {
	t.outs = make([]consent.Outcome, len(t.leaves))
	for i, leaf := range t.leaves {
		if v := t.vs[i]; v != nil {
			var err error
			r.short = false
			if t.outs[i], err = consent.Again(r, *v, leaf, t.before(i)); err != nil && !r.short {
				return err
			}
		}
		for _, w := range leaf.Writes {
			r.over[w.Key] = w.Value
		}
	}
	return nil
}

// before is the log before a leaf, where the leaf is of an Import, which alone looks at it.
func (t *takeover) before(i int) consent.Tree {
	if t.leaves[i].Type != "Import" {
		return consent.Tree{}
	}
	taken := t.taken
	taken.Peaks = slices.Clone(taken.Peaks)
	for _, e := range t.chunk.Entries[:i] {
		graft(&taken, e.Leaf)
	}
	return consent.Tree{Size: taken.Size, Root: root(taken)}
}

// grow hashes the chunk into the tree and proves that the whole begins with it.
func (t *takeover) grow() error {
	for _, e := range t.chunk.Entries {
		graft(&t.taken, e.Leaf)
	}
	if t.taken.Size == t.taken.Of {
		if root(t.taken) != t.whole.Root {
			return consent.Errorf(consent.Conflict, "the leaves do not hash to the root that the authorities signed")
		}
		return nil
	}
	proof := make(tlog.TreeProof, len(t.chunk.Proof))
	for i, h := range t.chunk.Proof {
		proof[i] = tlog.Hash(h)
	}
	err := tlog.CheckTree(proof, int64(t.whole.Size), tlog.Hash(t.whole.Root), int64(t.taken.Size), tlog.Hash(root(t.taken))) //nolint:gosec // checked to be below 2^63
	if err != nil {
		return consent.Errorf(consent.Conflict, "the leaves are not where the log has them: %w", err)
	}
	return nil
}

// graft appends a leaf to the tree.
func graft(t *wire.Taken, leaf string) {
	h := tlog.RecordHash([]byte(leaf))
	for n := t.Size; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(tlog.Hash(t.Peaks[len(t.Peaks)-1]), h)
		t.Peaks = t.Peaks[:len(t.Peaks)-1]
	}
	t.Peaks, t.Size = append(t.Peaks, consent.Hash(h)), t.Size+1
}

// root is the RFC 6962 root of what was taken over; zero, which is no root, of nothing.
func root(t wire.Taken) consent.Hash {
	if len(t.Peaks) == 0 {
		return consent.Hash{}
	}
	h := tlog.Hash(t.Peaks[len(t.Peaks)-1])
	for _, p := range slices.Backward(t.Peaks[:len(t.Peaks)-1]) {
		h = tlog.NodeHash(tlog.Hash(p), h)
	}
	return consent.Hash(h)
}

// open puts the Import on the ledger when all leaves are there, and collects the parts of the event.
func (t *takeover) open(st *state, tx consent.Tx) error {
	for i, e := range t.chunk.Entries {
		p := wire.Part{Leaf: e.Leaf, Kept: len(t.outs[i].Private) > 0}
		if v := t.vs[i]; v != nil && t.outs[i].Event.Handle.IsZero() {
			p.Message = e.Message
		}
		t.parts = append(t.parts, p)
	}
	if t.taken.Size < t.taken.Of {
		return nil
	}
	tx.Log = t.whole
	o, err := consent.Run(tx, &replayed{state: st, over: t.over, missed: map[string]bool{}}, t.opening)
	if err != nil {
		return err
	}
	for _, w := range o.Leaf.Writes {
		t.over[w.Key] = w.Value
	}
	t.parts = append(t.parts, wire.Part{Leaf: string(o.Leaf.Marshal()), Message: t.chunk.Import})
	return nil
}

// write makes the writes of the chunk and says its leaves in one event.
func (t *takeover) write(stub Stub) error {
	c, err := t.kept(stub)
	if err != nil {
		return err
	}
	t.over[wire.TakenKey] = consent.Append(nil, t.taken)
	stub.StartWriteBatch()
	for _, key := range slices.Sorted(maps.Keys(t.over)) {
		if err := stub.PutState(key, t.over[key]); err != nil {
			return consent.Errorf(consent.Internal, "write: %w", err)
		}
	}
	if err := c.write(stub); err != nil {
		return consent.Errorf(consent.Internal, "write: %w", err)
	}
	if err := stub.FinishWriteBatch(); err != nil {
		return consent.Errorf(consent.Internal, "write: %w", err)
	}
	if err := stub.SetEvent(wire.EventName, consent.Append(nil, wire.Event{Parts: t.parts})); err != nil {
		return consent.Errorf(consent.Internal, "set the event: %w", err)
	}
	return nil
}

// kept is what the chunk keeps and purges in the collection of its one custodian.
func (t *takeover) kept(stub Stub) (*collection, error) {
	c := &collection{}
	var outs []consent.Outcome
	for _, o := range t.outs {
		own := string(custodianOf(o))
		switch {
		case own == "":
			continue
		case c.name == "":
			c.name = own
		case c.name != own:
			return nil, consent.Errorf(consent.Malformed, "the chunk has messages of two custodians")
		}
		outs = append(outs, o)
	}
	if err := c.know(stub, outs); err != nil {
		return nil, err
	}
	for _, o := range outs {
		if !c.knows(o) {
			return nil, consent.Errorf(consent.Unavailable, "a subject's opening is not at this peer")
		}
		if err := c.add(o); err != nil {
			return nil, consent.Errorf(consent.Internal, "seal: %w", err)
		}
	}
	return c, nil
}
