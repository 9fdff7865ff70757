package fabric_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric"
)

// fakeNet is a channel in memory with Fabric's semantics: endorsers run the contract on what is committed, transactions
// go into blocks in order, and one whose reads are out of date is invalid.
type fakeNet struct {
	mu      sync.Mutex
	state   map[string]value
	bodies  map[string]string
	queue   []*fakeTx
	blocks  []fabric.Block
	codes   map[string]string
	more    chan struct{}
	serial  int
	cut     time.Duration // of a block
	timer   bool
	hooks   hooks
	batches []int // messages of each endorsement that was ordered
}

// hooks make trouble. Each is called without the lock and may be nil.
type hooks struct {
	endorse func(org string, c fabric.Call) error            // an organisation's answer
	forge   func(org string) bool                            // an organisation answers something else
	order   func(tx string) (lost bool, report error)        // a transaction does not arrive, or it is not said that it did
	blocks  func(n uint64) error                             // the connection breaks before this block
	keep    func(key string) bool                            // false: a body does not reach the peer
	show    func(org string, b fabric.Block) fabric.Block    // an organisation's own peer shows another block
	said    func(org string, n uint64, said *[32]byte) error // another organisation's peer says something else
}

type value struct {
	bytes   []byte
	version uint64
}

type fakeTx struct {
	id        string
	reads     map[string]uint64
	writes    []consent.Write
	bodies    map[string]string
	purge     []string
	event     []byte
	endorsers int
	messages  int
}

func newFakeNet() *fakeNet {
	return &fakeNet{state: map[string]value{}, bodies: map[string]string{}, codes: map[string]string{}, more: make(chan struct{}), cut: 2 * time.Millisecond}
}

func (n *fakeNet) set(h hooks) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hooks = h
}

func (n *fakeNet) hook() hooks {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hooks
}

// reader is the committed state, and remembers what was read.
type reader struct {
	n     *fakeNet
	reads map[string]uint64
}

func (r reader) Get(key string) ([]byte, error) {
	v := r.n.state[key]
	r.reads[key] = v.version
	return v.bytes, nil
}

// peer is one organisation's connection to the fake channel.
type peer struct {
	n   *fakeNet
	org string
}

var _ fabric.Channel = (*peer)(nil)

func (p *peer) Endorse(ctx context.Context, c fabric.Call, orgs []string) (fabric.Endorsed, error) {
	h := p.n.hook()
	forged := false
	for _, org := range orgs {
		if h.endorse != nil {
			if err := h.endorse(org, c); err != nil {
				return fabric.Endorsed{}, err
			}
		}
		forged = forged || h.forge != nil && h.forge(org)
	}
	if err := ctx.Err(); err != nil {
		return fabric.Endorsed{}, err
	}
	if forged {
		return fabric.Endorsed{}, fabric.ErrMismatch
	}
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.n.serial++
	tx := &fakeTx{id: fmt.Sprintf("tx%d", p.n.serial), reads: map[string]uint64{}, bodies: map[string]string{}, endorsers: len(orgs)}
	switch c.Function {
	case wire.Genesis:
		return fabric.Endorse(tx.id, nil, tx), nil
	case wire.State:
		return fabric.Endorse(tx.id, p.n.answer(c), tx), nil
	}
	if c.Function == wire.TakeOver {
		taken, err := p.n.takeOver(tx, c)
		return fabric.Endorse(tx.id, consent.Append(nil, taken), tx), err
	}
	result, err := p.n.run(tx, c)
	if err != nil {
		return fabric.Endorsed{}, err
	}
	return fabric.Endorse(tx.id, consent.Append(nil, result), tx), nil
}

// run is the chaincode: every message by itself, none that depends on one before it.
func (n *fakeNet) run(tx *fakeTx, c fabric.Call) (wire.Result, error) {
	var b wire.Batch
	if err := consent.Decode(c.Batch, &b); err != nil {
		return wire.Result{}, err
	}
	var r wire.Result
	var ev wire.Event
	written := map[string]bool{}
	for _, raw := range b.Messages {
		code, part := n.message(tx, c, raw, written)
		r.Codes = append(r.Codes, string(code))
		if code == "" {
			ev.Parts = append(ev.Parts, part)
			tx.messages++
		}
	}
	if len(ev.Parts) == 0 {
		return r, &fabric.AnswerError{Peer: "peer", Status: wire.Refused, Message: strings.Join(r.Codes, ",")}
	}
	tx.event = consent.Append(nil, ev)
	return r, nil
}

func (n *fakeNet) message(tx *fakeTx, c fabric.Call, raw string, written map[string]bool) (consent.Code, wire.Part) {
	m, err := consent.Unmarshal([]byte(raw))
	if err != nil {
		return consent.CodeOf(err), wire.Part{}
	}
	var g consent.Genesis
	if v := n.state[consent.GenesisKey()]; v.bytes != nil {
		if err := consent.Decode(v.bytes, &g); err != nil {
			return consent.Internal, wire.Part{}
		}
	}
	v, err := consent.Verify(g.Ledger, m)
	if err != nil {
		return consent.CodeOf(err), wire.Part{}
	}
	rd := reader{n, map[string]uint64{}}
	out, err := consent.Run(consent.Tx{ID: tx.id, Time: consent.Millis(time.Now().UnixMilli())}, rd, v)
	if err != nil {
		return consent.CodeOf(err), wire.Part{}
	}
	for _, w := range out.Leaf.Writes {
		if written[w.Key] {
			return consent.Unavailable, wire.Part{}
		}
	}
	for _, w := range out.Leaf.Writes {
		written[w.Key] = true
	}
	maps.Copy(tx.reads, rd.reads)
	tx.writes = append(tx.writes, out.Leaf.Writes...)
	tx.purge = append(tx.purge, out.Purge...)
	part := wire.Part{Leaf: string(out.Leaf.Marshal())}
	if c.Function == wire.Submit && len(out.Private) > 0 {
		part.Kept = true
		for _, w := range out.Private {
			tx.bodies[w.Key] = string(w.Value)
		}
	}
	if out.Event.Handle.IsZero() {
		part.Message = raw
	}
	return "", part
}

func (p *peer) Order(ctx context.Context, e fabric.Endorsed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var report error
	if h := p.n.hook(); h.order != nil {
		var lost bool
		if lost, report = h.order(e.Tx); lost {
			return report
		}
	}
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	tx, ok := e.Sealed().(*fakeTx)
	if !ok {
		return errors.New("not endorsed here")
	}
	p.n.queue = append(p.n.queue, tx)
	if !p.n.timer {
		p.n.timer = true
		time.AfterFunc(p.n.cut, p.n.commit)
	}
	return report
}

// commit makes a block of what was ordered.
func (n *fakeNet) commit() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timer = false
	b := fabric.Block{Number: uint64(len(n.blocks))}
	if b.Number > 0 {
		b.Previous = n.blocks[b.Number-1].Hash
	}
	h, said := sha256.New(), sha256.New()
	h.Write(binary.BigEndian.AppendUint64(b.Previous[:], b.Number))
	for _, tx := range n.queue {
		code := n.validate(tx, b.Number+1)
		if n.codes[tx.id] == "" {
			n.codes[tx.id] = code
		}
		if code == fabric.Valid && tx.messages > 0 {
			n.batches = append(n.batches, tx.messages)
		}
		b.Transactions = append(b.Transactions, fabric.Transaction{ID: tx.id, Code: code, Event: tx.event})
		h.Write(append([]byte(tx.id), tx.event...))
		said.Write([]byte(code))
	}
	b.Hash = [32]byte(h.Sum(nil))
	said.Write(b.Hash[:])
	b.Said = [32]byte(said.Sum(nil))
	n.queue = nil
	n.blocks = append(n.blocks, b)
	close(n.more)
	n.more = make(chan struct{})
}

func (n *fakeNet) validate(tx *fakeTx, version uint64) string {
	if n.codes[tx.id] != "" {
		return "DUPLICATE_TXID"
	}
	if tx.endorsers < 2 {
		return "ENDORSEMENT_POLICY_FAILURE"
	}
	for key, v := range tx.reads {
		if n.state[key].version != v {
			return "MVCC_READ_CONFLICT"
		}
	}
	for _, w := range tx.writes {
		n.state[w.Key] = value{w.Value, version}
	}
	for k, b := range tx.bodies {
		if n.hooks.keep == nil || n.hooks.keep(k) {
			n.bodies[k] = b
		}
	}
	for _, k := range tx.purge {
		delete(n.bodies, k)
	}
	return fabric.Valid
}

func (p *peer) Query(_ context.Context, c fabric.Call) ([]byte, error) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	return p.n.answer(c), nil
}

// answer is the chaincode's to a query.
func (n *fakeNet) answer(c fabric.Call) []byte {
	var v wire.Values
	switch c.Function {
	case wire.Bodies:
		for _, key := range c.Args[2:] {
			v.Values = append(v.Values, n.bodies["body/"+key])
		}
	case wire.State:
		for _, key := range c.Args {
			v.Values = append(v.Values, string(n.state[key].bytes))
		}
	}
	return consent.Append(nil, v)
}

func (p *peer) Outcome(_ context.Context, tx string) (string, error) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	return p.n.codes[tx], nil
}

func (p *peer) Blocks(ctx context.Context, start fabric.Start, fn func(fabric.Block) error) error {
	from := start.Next
	for {
		p.n.mu.Lock()
		blocks, more, h := slices.Clone(p.n.blocks), p.n.more, p.n.hooks
		p.n.mu.Unlock()
		for ; from < uint64(len(blocks)); from++ {
			if h.blocks != nil {
				if err := h.blocks(from); err != nil {
					return err
				}
			}
			b := blocks[from]
			if h.show != nil {
				b = h.show(p.org, b)
			}
			if err := errors.Join(ctx.Err(), fn(b)); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *peer) Said(ctx context.Context, org string, from uint64, fn func(uint64, [32]byte) error) error {
	for {
		p.n.mu.Lock()
		blocks, more, h := slices.Clone(p.n.blocks), p.n.more, p.n.hooks
		p.n.mu.Unlock()
		for ; from < uint64(len(blocks)); from++ {
			said := blocks[from].Said
			if h.said != nil {
				if err := h.said(org, from, &said); err != nil {
					return err
				}
			}
			if err := errors.Join(ctx.Err(), fn(from, said)); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *peer) Close() error { return nil }
