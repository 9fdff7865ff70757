package uses

import (
	"sync"
	"sync/atomic"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

const (
	pageHeads = 4096
	stripes   = 1024
)

// head is what the next use of a slot follows. It is ahead of the disk by what is queued.
type head struct {
	handle    consent.SubjectID
	pseudonym consent.Hash
	leaf      consent.Hash
	seq       consent.Uint64
	last      int64 // record number of the newest use
	first     int64 // and of the first
}

// heads holds the head of each slot, in pages without pointers: 104 bytes a slot in use. A slot is read and written under
// its stripe's lock.
type heads struct {
	locks [stripes]sync.Mutex
	pages [proof.MaxSlots / pageHeads]atomic.Pointer[[pageHeads]head]
}

func (h *heads) lock(slot consent.Uint64) *sync.Mutex { return &h.locks[slot%stripes] }

// at is the slot's head, which must be below MaxSlots.
func (h *heads) at(slot consent.Uint64) *head {
	p := &h.pages[slot/pageHeads]
	if p.Load() == nil {
		p.CompareAndSwap(nil, new([pageHeads]head))
	}
	return &p.Load()[slot%pageHeads]
}

// lasts holds the record number of each slot's newest use in the slot tree, 8 bytes a slot. It is guarded as the tree is.
type lasts [][]int64

// at is one more than the record number, 0 for none.
func (l *lasts) at(slot consent.Uint64) int64 {
	if p := slot / pageHeads; p < consent.Uint64(len(*l)) && (*l)[p] != nil {
		return (*l)[p][slot%pageHeads]
	}
	return 0
}

func (l *lasts) set(slot consent.Uint64, index int64) {
	p := int(slot / pageHeads) //nolint:gosec // below MaxSlots
	for len(*l) <= p {
		*l = append(*l, nil)
	}
	if (*l)[p] == nil {
		(*l)[p] = make([]int64, pageHeads)
	}
	(*l)[p][slot%pageHeads] = index + 1
}
