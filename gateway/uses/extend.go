package uses

import (
	"encoding/binary"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
)

// row is what the log keeps in mind of one use.
type row struct {
	index     int64
	prev      int64 // record number of the use before it, if seq is above 1
	first     int64
	slot, seq consent.Uint64
	minute    consent.Uint64
	handle    consent.SubjectID
	pseudonym consent.Hash
	leaf      consent.Hash
}

// parseRow reads a record's public part and the header of its attachment.
func parseRow(i int64, r journal.Record) (row, error) {
	leaf, err := proof.ParseLeaf(r.Leaf)
	if err != nil {
		return row{}, fmt.Errorf("record %d: %w", i, err)
	}
	a, err := parseAttachment(r.Attachment)
	if err != nil {
		return row{}, fmt.Errorf("record %d: %w", i, err)
	}
	w := row{
		index: i, prev: a.prev, first: a.first, slot: leaf.Slot, seq: leaf.UseSeq, minute: leaf.Minute, handle: a.handle,
		pseudonym: leaf.Pseudonym, leaf: leafHash(r.Leaf),
	}
	if w.seq == 1 {
		w.first = i
	}
	return w, nil
}

// attachment is what lies beside a leaf. Where the handle's previous and first uses are is a hint: what lies there is
// checked against the chain when it is read.
type attachment struct {
	handle      consent.SubjectID
	prev, first int64
	request     bool // it is of a request for a consent: these are found again without opening every use
	sealed      []byte
}

// IsRequest reports whether an attachment of the log is of a use of kind proof.Request. It opens nothing.
func IsRequest(attachment []byte) bool {
	return len(attachment) > 0 && attachment[0] == attachmentRequest
}

// header is what goes before the sealed part, with room for it.
func (a *attachment) header(room int) []byte {
	b := make([]byte, 0, attachmentHeader+room)
	version := byte(attachmentVersion)
	if a.request {
		version = attachmentRequest
	}
	b = append(append(b, version), a.handle[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.prev))     //nolint:gosec // not negative
	return binary.BigEndian.AppendUint64(b, uint64(a.first)) //nolint:gosec // not negative
}

func parseAttachment(b []byte) (attachment, error) {
	if len(b) < attachmentHeader || b[0] != attachmentVersion && b[0] != attachmentRequest {
		return attachment{}, consent.Errorf(consent.Malformed, "not a use attachment of version %d or %d", attachmentVersion, attachmentRequest)
	}
	a := attachment{
		handle: consent.SubjectID(b[1:17]), request: IsRequest(b), sealed: b[attachmentHeader:],
		prev: int64(binary.BigEndian.Uint64(b[17:])), first: int64(binary.BigEndian.Uint64(b[25:])), //nolint:gosec // checked below
	}
	if a.prev < 0 || a.first < 0 {
		return attachment{}, consent.Errorf(consent.Malformed, "an attachment that points nowhere")
	}
	return a, nil
}

// extend is the journal's Extend: it runs in the committer, once a commit, and while the journal is opened for the tail
// above the anchor.
func (l *Log) extend(first int64, recs []journal.Record) ([]string, error) {
	if err := l.replayed(); err != nil {
		return nil, err
	}
	l.treeMu.Lock()
	defer l.treeMu.Unlock()
	l.tree.Mark()
	l.markAt, l.flying = first, l.flying[:0]
	for at := 0; at < len(recs); at += foldRows {
		rows := make([]row, 0, min(foldRows, len(recs)-at))
		for k, r := range recs[at:min(at+foldRows, len(recs))] {
			w, err := parseRow(first+int64(at+k), r)
			if err != nil {
				return nil, err
			}
			rows = append(rows, w)
		}
		if err := l.fold(rows); err != nil {
			return nil, err
		}
		l.flying = append(l.flying, rows...)
	}
	return l.slotsLine()
}

// foldRows is how many uses are folded, and go to the index, at a time.
const foldRows = 4096

// fold takes rows into the slot tree and queues them for the index. It needs treeMu, once the log is open.
func (l *Log) fold(rows []row) error {
	slots := make([]proof.SlotHash, len(rows))
	for k, w := range rows {
		slots[k] = proof.SlotHash{Slot: w.slot, Hash: proof.SlotLeaf(w.pseudonym, w.seq, w.leaf)}
		l.lasts.set(w.slot, w.index)
		if !l.replay.live {
			*l.heads.at(w.slot) = w.head()
		}
	}
	l.tree.Set(slots)
	last := rows[len(rows)-1]
	l.treeAt = last.index + 1
	line, err := l.slotsLine()
	if err != nil {
		return err
	}
	l.index.queue(batch{end: l.treeAt, last: last.leaf, line: line[0], rows: rows})
	return nil
}

// replay is how the log catches up with its journal at start.
type replay struct {
	from int64 // records that the index had
	last consent.Hash
	met  bool // the newest record that the index had is the journal's
	rows []row
	live bool // the log is open: heads are Begin's
}

// replayRecord is the journal's Replay. The first record it is given is one that the index has already: if that is not
// the same record, neither is the rest.
func (l *Log) replayRecord(i int64, r journal.Record) error {
	w, err := parseRow(i, r)
	if err != nil {
		return err
	}
	p := &l.replay
	if i < p.from {
		if p.met = w.leaf == p.last; !p.met {
			return fmt.Errorf("%w: another record %d", errIndex, i)
		}
		return nil
	}
	p.rows = append(p.rows, w)
	if len(p.rows) < foldRows {
		return nil
	}
	return l.foldReplayed()
}

// replayed ends a replay: it refuses an index that is ahead of the journal, and folds what is left.
func (l *Log) replayed() error {
	p := &l.replay
	if p.from > 0 && !p.met {
		return fmt.Errorf("%w: it has %d records, the journal fewer", errIndex, p.from)
	}
	return l.foldReplayed()
}

func (l *Log) foldReplayed() error {
	p := &l.replay
	if len(p.rows) == 0 {
		return nil
	}
	rows := p.rows
	p.rows = nil
	if err := l.fold(rows); err != nil {
		return err
	}
	return l.index.flush(l.treeAt) // the anchor covers what is replayed
}

// loadHeads fills heads and slot tree from the index and checks them against the root that the index gives.
func (l *Log) loadHeads() error {
	slots := make([]proof.SlotHash, 0, foldRows)
	end, err := l.index.load(func(slot consent.Uint64, h head) {
		*l.heads.at(slot) = h
		l.lasts.set(slot, h.last)
		if slots = append(slots, proof.SlotHash{Slot: slot, Hash: proof.SlotLeaf(h.pseudonym, h.seq, h.leaf)}); len(slots) == foldRows {
			l.tree.Set(slots)
			slots = slots[:0]
		}
	})
	if err != nil {
		return err
	}
	l.tree.Set(slots)
	line, err := l.slotsLine()
	if err != nil {
		return err
	}
	if end.end > 0 && line[0] != end.line {
		return fmt.Errorf("%w: slots %q, it says %q", errIndex, line[0], end.line)
	}
	l.replay.from, l.replay.last, l.treeAt = end.end, end.last, end.end
	return nil
}
