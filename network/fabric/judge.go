package fabric

import (
	"bytes"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
)

// ahead is the copy's state with the leaves of a block on top that the copy has not got yet.
type ahead struct {
	consent.Reader
	over map[string][]byte
}

// Get implements consent.Reader.
func (a ahead) Get(key string) ([]byte, error) {
	if b, ok := a.over[key]; ok {
		return b, nil
	}
	return a.Reader.Get(key)
}

// judge holds the leaves of a block against the state before each: that endorsers signed them says that two organisations
// came to them from some state, not that it was this one. Where the message is known the contract runs again, at the time of
// its transaction; where it is not, the leaf must be its subject's next one. So a transaction that was ordered and is not
// valid cannot be passed off as valid where that makes a difference, and the gateway of a custodian takes nothing about its
// own subjects that the contract forbids, whoever endorsed it. A guess that does not make the leaf is not its message: that one is
// at the own peer, or nowhere here.
func (l *Ledger) judge(all []embedded.Entry, times []time.Time, guesses map[int]body) error {
	st := ahead{l.copy, map[string][]byte{}}
	have := l.copy.Position()
	for i, e := range all {
		at := l.place.position + network.Position(i) //nolint:gosec // an index
		if at < have {
			continue // compared with what the copy has
		}
		leaf, err := consent.ParseLeaf(e.Leaf)
		if err == nil {
			log := consent.Tree{Size: consent.Uint64(at)}
			err = l.follows(st, e, leaf, log, times[i])
			if guess, ok := guesses[i]; ok && err != nil {
				if err := l.instead(all, i, guess); err != nil {
					return err
				}
				err = l.follows(st, all[i], leaf, log, times[i])
			}
		}
		if err != nil {
			return &fatalError{consent.Errorf(consent.Internal, "position %d does not follow from what is before it: %w", at+1, err)}
		}
		for _, w := range leaf.Writes {
			st.over[w.Key] = w.Value
		}
	}
	return nil
}

// instead takes another message for a leaf than the one that was submitted here.
func (l *Ledger) instead(all []embedded.Entry, i int, b body) error {
	all[i].Message = nil
	if !b.kept {
		return nil
	}
	return l.fetch(all, []int{i}, []body{b})
}

// follows checks one leaf. log has the size of what is before it.
func (l *Ledger) follows(st ahead, e embedded.Entry, leaf consent.Leaf, log consent.Tree, at time.Time) error {
	if e.Message == nil {
		return outline(st, leaf)
	}
	v, err := l.verified(st, e.Message, leaf)
	if err != nil {
		return err
	}
	if i, ok := e.Message.Body.(*consent.Import); ok { // the endorsers proved its root, leaf by leaf; the copy need not do it again
		log.Root = i.Root
	}
	tx := consent.Tx{ID: leaf.Commitment.String(), Time: consent.Millis(at.UnixMilli()), Log: log}
	if out, err := consent.Run(tx, st, v); err == nil && bytes.Equal(out.Leaf.Marshal(), e.Leaf) {
		return nil
	}
	_, err = consent.Again(st, v, leaf, log) // taken over: the leaf is older than its transaction
	return err
}

// verified is a message that is verified: one that was submitted here was, and so was one that the own peer gave.
func (l *Ledger) verified(st ahead, m *consent.Message, leaf consent.Leaf) (consent.Verified, error) {
	if v, ok := l.given[leaf.Commitment]; ok {
		return v, nil
	}
	l.mu.Lock()
	p := l.pending[leaf.Commitment]
	l.mu.Unlock()
	if p != nil && bytes.Equal(p.v.Marshal(), m.Marshal()) {
		return p.v, nil
	}
	ledger, err := ledgerOf(st, m)
	if err != nil {
		return consent.Verified{}, err
	}
	return consent.Verify(ledger, *m)
}

// ledgerOf is the ledger that the channel has, which need not be the one that this gateway was made for; see Ledger.settle.
func ledgerOf(st ahead, m *consent.Message) (consent.Hash, error) {
	b, err := st.Get(consent.GenesisKey())
	if err != nil {
		return consent.Hash{}, err
	}
	var g consent.Genesis
	if b != nil {
		err = consent.Decode(b, &g)
		return g.Ledger, err
	}
	i, ok := m.Body.(*consent.Init)
	if !ok {
		return consent.Hash{}, consent.Errorf(consent.WrongState, "a ledger begins with its genesis")
	}
	return consent.LedgerID(i), nil
}

// outline checks a leaf whose message is not here: that it speaks of one subject alone, and is the next one in its chain.
func outline(st consent.Reader, leaf consent.Leaf) error {
	subject, err := consent.AloneAbout(leaf)
	if err != nil {
		return err
	}
	before, there, err := headIn(st, subject)
	if err != nil {
		return err
	}
	written := ahead{st, map[string][]byte{}}
	for _, w := range leaf.Writes {
		written.over[w.Key] = w.Value
	}
	after, _, err := headIn(written, subject)
	if err != nil {
		return err
	}
	if (leaf.Type == "SubjectOpen") == there {
		return consent.Errorf(consent.Conflict, "a chain begins twice, or not at all")
	}
	return succeeds(before, after, leaf, there)
}

// succeeds checks that a leaf's head is the one after another, or the first one when there is no other.
func succeeds(before, after consent.Head, leaf consent.Leaf, there bool) error {
	if after.Seq != before.Seq+1 || after.Prev != leaf.Commitment || after.RevokedThrough < before.RevokedThrough || after.Time < before.Time {
		return consent.Errorf(consent.Conflict, "it is not the next one in its subject's chain")
	}
	if there && (before.State == consent.Gone || after.Custodian != before.Custodian || after.Slot != before.Slot) {
		return consent.Errorf(consent.WrongState, "it changes what never changes")
	}
	return nil
}

// headIn reads a subject's head.
func headIn(st consent.Reader, subject consent.SubjectID) (h consent.Head, there bool, err error) {
	b, err := st.Get(consent.HeadKey(subject))
	if err != nil || b == nil {
		return h, false, err
	}
	return h, true, consent.Decode(b, &h)
}
