package proof

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Entry is one use, opened, with its place in the log. Its leaf is not sent: the checker computes it.
type Entry struct {
	Index consent.Uint64 `json:"index"` // of its leaf in the log
	Prev  consent.Hash   `json:"prev"`  // leaf hash of the use before it; zero for the first
	Use   Use            `json:"use"`
	Proof []consent.Hash `json:"proof"` // audit path of the leaf in the tree of the statement's checkpoint
}

// Statement is a use log's answer to "show me every use of my data", from one checkpoint. It may come in pages: then
// Entries of the later ones are appended to the first one's before it is checked.
type Statement struct {
	Checkpoint  string         `json:"checkpoint"`  // C2SP signed note
	Since       consent.Uint64 `json:"since"`       // the size that Consistency starts from; 0 for none
	Consistency []consent.Hash `json:"consistency"` // RFC 6962 consistency proof
	Slot        consent.Uint64 `json:"slot"`
	SlotProof   []consent.Hash `json:"slotProof"` // audit path of the slot in the slot tree; empty beyond its size
	SubjectSalt consent.Hash   `json:"subjectSalt"`
	UseSeq      consent.Uint64 `json:"useSeq"`  // number of the newest use, which is how many there are; 0 for none
	Entries     []Entry        `json:"entries"` // newest first, without a gap
}

// Seen is what a wallet keeps of the last statement it has verified. The zero value has seen nothing.
type Seen struct {
	Size        consent.Uint64 `json:"size"` // of the log
	Root        consent.Hash   `json:"root"`
	UseSeq      consent.Uint64 `json:"useSeq"` // of the newest verified use
	Head        consent.Hash   `json:"head"`   // its leaf hash
	SubjectSalt consent.Hash   `json:"subjectSalt"`
}

// Check verifies that s lists every use of the handle after those seen, and nothing else, and returns what is seen now.
// handle and slot come from the wallet's own enrolment and the ledger, never from the log. Every failure is ErrRefused.
func Check(log Log, seen Seen, handle consent.SubjectID, slot consent.Uint64, s Statement) (Seen, error) {
	c, err := Begin(log, seen, handle, slot, s)
	if err != nil {
		return Seen{}, err
	}
	if err := c.Add(s.Entries); err != nil {
		return Seen{}, err
	}
	return c.Done()
}

// Checker is Check for a statement that comes in pages, of which none has to be kept. What Add accepted is proved to be a use of
// the handle, the newest first, none left out in between; that none is left out at the end is proved by Done.
type Checker struct {
	cp     Checkpoint
	seen   Seen
	next   Seen
	handle consent.SubjectID
	s      Statement
	want   consent.Uint64 // number of the next entry
	link   consent.Hash   // its leaf hash, as the entry before it says
}

// Begin checks all of a statement but its entries.
func Begin(log Log, seen Seen, handle consent.SubjectID, slot consent.Uint64, s Statement) (*Checker, error) {
	cp, err := log.Open([]byte(s.Checkpoint))
	if err != nil {
		return nil, err
	}
	if s.Slot != slot {
		return nil, refuse("the statement is of slot %d, the ledger gave slot %d", s.Slot, slot)
	}
	if err := checkConsistent(cp, seen, s); err != nil {
		return nil, err
	}
	if err := checkNumbers(seen, s); err != nil {
		return nil, err
	}
	c := &Checker{
		cp: cp, seen: seen, handle: handle, s: s, want: s.UseSeq,
		next: Seen{Size: consent.Uint64(cp.Size), Root: cp.Root, UseSeq: s.UseSeq, Head: seen.Head, SubjectSalt: s.SubjectSalt}, //nolint:gosec // not negative
	}
	c.s.Entries = nil
	if c.want == seen.UseSeq { // nothing new: the slot still ends with what was seen
		return c, checkSlot(cp, handle, c.next, s)
	}
	return c, nil
}

// Add checks the next entries.
func (c *Checker) Add(entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		if c.want == c.seen.UseSeq || e.Use.UseSeq != c.want {
			return refuse("the statement lists use %d where there is use %d, after %d that were seen", e.Use.UseSeq, c.want, c.seen.UseSeq)
		}
		leaf, err := checkEntry(c.cp, c.handle, c.s, e)
		if err != nil {
			return err
		}
		if c.want == c.s.UseSeq {
			c.next.Head = leaf
			if err := checkSlot(c.cp, c.handle, c.next, c.s); err != nil {
				return err
			}
		} else if leaf != c.link {
			return refuse("use %d does not follow the use before it", c.want+1)
		}
		c.link = e.Prev
		c.want--
	}
	return nil
}

// Done checks that the entries were all, and returns what is seen now.
func (c *Checker) Done() (Seen, error) {
	switch {
	case c.want != c.seen.UseSeq:
		return Seen{}, refuse("uses %d to %d are not listed", c.seen.UseSeq+1, c.want)
	case c.want != c.s.UseSeq && c.link != c.seen.Head:
		return Seen{}, refuse("use %d does not follow the use before it", c.want+1)
	}
	return c.next, nil
}

// checkConsistent says whether the log still holds all that it held when it was seen last.
func checkConsistent(cp Checkpoint, seen Seen, s Statement) error {
	if s.Since != seen.Size {
		return refuse("the consistency proof starts at size %d, not at %d, the size seen last", s.Since, seen.Size)
	}
	if seen.Size > consent.Uint64(cp.Size) { //nolint:gosec // not negative
		return refuse("the log had %d uses and now has %d", seen.Size, cp.Size)
	}
	if seen.Size == 0 {
		if len(s.Consistency) > 0 {
			return refuse("a consistency proof without a start")
		}
		return nil
	}
	p := make(tlog.TreeProof, len(s.Consistency))
	for i, h := range s.Consistency {
		p[i] = tlog.Hash(h)
	}
	if err := tlog.CheckTree(p, cp.Size, tlog.Hash(cp.Root), int64(seen.Size), tlog.Hash(seen.Root)); err != nil { //nolint:gosec // at most cp.Size
		return refuse("the log is not the one seen at size %d: %w", seen.Size, err)
	}
	return nil
}

// checkNumbers says whether what the statement says of itself goes with what was seen.
func checkNumbers(seen Seen, s Statement) error {
	switch {
	case s.UseSeq < seen.UseSeq:
		return refuse("use %d was seen, the statement ends with use %d", seen.UseSeq, s.UseSeq)
	case s.UseSeq == 0 && !s.SubjectSalt.IsZero():
		return refuse("a subject salt without a use")
	case seen.UseSeq > 0 && s.SubjectSalt != seen.SubjectSalt:
		return refuse("the subject salt has changed")
	}
	return nil
}

// checkEntry checks that an entry is in the log, and returns its leaf hash.
func checkEntry(cp Checkpoint, handle consent.SubjectID, s Statement, e *Entry) (hash consent.Hash, err error) {
	switch {
	case e.Use.Handle != handle:
		return hash, refuse("use %d is of another handle", e.Use.UseSeq)
	case e.Index >= consent.Uint64(cp.Size): //nolint:gosec // not negative
		return hash, refuse("use %d is record %d of %d", e.Use.UseSeq, e.Index, cp.Size)
	case e.Use.UseSeq == 1 && s.SubjectSalt != SubjectSalt(e.Use.Salt):
		return hash, refuse("the subject salt is not that of use 1")
	}
	leaf := LeafOf(&e.Use, s.Slot, s.SubjectSalt, e.Prev)
	hash = leaf.Hash()
	if err := checkRecord(e.Proof, cp.Size, cp.Root, int64(e.Index), hash); err != nil { //nolint:gosec // below cp.Size
		return hash, refuse("use %d is not record %d of the log: %w", e.Use.UseSeq, e.Index, err)
	}
	return hash, nil
}

// checkSlot says whether the slot's leaf names the newest use.
func checkSlot(cp Checkpoint, handle consent.SubjectID, next Seen, s Statement) error {
	if s.Slot >= consent.Uint64(cp.Slots) { //nolint:gosec // not negative
		if s.UseSeq > 0 || len(s.SlotProof) > 0 {
			return refuse("slot %d is beyond the %d slots in use", s.Slot, cp.Slots)
		}
		return nil
	}
	leaf := SlotLeaf(Pseudonym(handle, s.SubjectSalt), s.UseSeq, next.Head)
	if err := checkRecord(s.SlotProof, cp.Slots, cp.SlotsRoot, int64(s.Slot), leaf); err != nil { //nolint:gosec // below cp.Slots
		return refuse("slot %d does not end with use %d: %w", s.Slot, s.UseSeq, err)
	}
	return nil
}

func checkRecord(path []consent.Hash, size int64, root consent.Hash, i int64, leaf consent.Hash) error {
	p := make(tlog.RecordProof, len(path))
	for k, h := range path {
		p[k] = tlog.Hash(h)
	}
	return tlog.CheckRecord(p, size, tlog.Hash(root), i, tlog.Hash(leaf))
}
