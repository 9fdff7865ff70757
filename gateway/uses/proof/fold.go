package proof

import (
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Fold is an auditor's second computation of what a log has signed, from its leaves alone, in order. Its memory is
// bounded by the number of slots in use, about 100 bytes each. The zero value has folded nothing.
type Fold struct {
	slots map[consent.Uint64]*chainEnd
	uses  int64
}

type chainEnd struct {
	pseudonym, head consent.Hash
	seq             consent.Uint64
}

// Uses is the number of leaves folded.
func (f *Fold) Uses() int64 { return f.uses }

// Subjects is the number of slots in use.
func (f *Fold) Subjects() int { return len(f.slots) }

// Add folds the next leaf. It refuses one that does not follow its slot's chain.
func (f *Fold) Add(leaf []byte) error {
	l, err := ParseLeaf(leaf)
	if err != nil {
		return fmt.Errorf("%w: record %d: %w", ErrRefused, f.uses, err)
	}
	if f.slots == nil {
		f.slots = make(map[consent.Uint64]*chainEnd)
	}
	end := f.slots[l.Slot]
	if end == nil {
		end = &chainEnd{pseudonym: l.Pseudonym}
		f.slots[l.Slot] = end
	}
	switch {
	case l.UseSeq != end.seq+1:
		return refuse("record %d is use %d of its slot, after use %d", f.uses, l.UseSeq, end.seq)
	case l.Prev != end.head:
		return refuse("record %d does not follow use %d of its slot", f.uses, end.seq)
	case l.Pseudonym != end.pseudonym:
		return refuse("record %d names another subject than its slot did", f.uses)
	}
	end.seq, end.head = l.UseSeq, l.Hash()
	f.uses++
	return nil
}

// Check says whether cp is what the folded leaves come to: the numbers of the newest uses sum to the number of leaves, and
// the slots hash to the signed root. The log's own root is tlog's to check.
func (f *Fold) Check(cp Checkpoint) error {
	var sum consent.Uint64
	tree, leaves := NewSlots(), make([]SlotHash, 0, len(f.slots))
	for slot, end := range f.slots {
		sum += end.seq
		leaves = append(leaves, SlotHash{slot, SlotLeaf(end.pseudonym, end.seq, end.head)})
	}
	if f.uses != cp.Size || sum != consent.Uint64(cp.Size) { //nolint:gosec // not negative
		return refuse("%d leaves and %d numbered uses, the checkpoint says %d", f.uses, sum, cp.Size)
	}
	tree.Set(leaves)
	root, err := tree.Newest().Root()
	if err != nil {
		return fmt.Errorf("fold slots: %w", err)
	}
	if tree.Size() != cp.Slots || root != cp.SlotsRoot {
		return refuse("the leaves come to %d slots and root %s, the checkpoint says %d and %s", tree.Size(), root, cp.Slots, cp.SlotsRoot)
	}
	return nil
}
