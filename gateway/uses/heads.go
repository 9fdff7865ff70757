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
}

// heads holds the head of each slot, in pages without pointers: 88 bytes a slot in use. A slot is read and written under
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
