package uses

import (
	"context"
	"errors"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
)

// VerifyOptions says how far a verification goes.
type VerifyOptions struct {
	Bodies   bool                    // open every body as well; those of erased handles are counted
	Progress func(done, total int64) // may be nil
}

// Report is what a verification found.
type Report struct {
	Size     int64  `json:"size,string"` // uses
	Root     string `json:"root"`        // of the log, hex
	Slots    int64  `json:"slots,string"`
	Subjects int    `json:"subjects"` // slots in use
	Opened   int64  `json:"opened,string"`
	Erased   int64  `json:"erased,string"`
}

// Verify folds every leaf again: the log's root and the slots' root are those of the newest durable checkpoint, every
// handle's chain is unbroken, and the numbers of the newest uses sum to the number of leaves. It streams; its memory is
// bounded by the number of slots.
func (l *Log) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	at := l.journal.Durable()
	cp, err := proof.Log{Origin: l.cfg.Journal.Origin, Verifier: l.cfg.Journal.Verifier}.Open(at.Note)
	if err != nil {
		return Report{}, fmt.Errorf("verify use log: %w", err)
	}
	r := Report{Size: cp.Size, Root: cp.Root.String(), Slots: cp.Slots}
	var fold proof.Fold
	err = l.journal.Scan(ctx, 0, cp.Size, func(i int64, rec journal.Record) error {
		if o.Progress != nil && (i%4096 == 0 || i+1 == cp.Size) {
			o.Progress(i+1, cp.Size)
		}
		if err := fold.Add(rec.Leaf); err != nil || !o.Bodies {
			return err
		}
		return l.verifyBody(i, rec, &r)
	})
	if err == nil {
		err = fold.Check(cp)
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify use log: %w", err)
	}
	r.Subjects = fold.Subjects()
	return r, nil
}

func (l *Log) verifyBody(i int64, rec journal.Record, r *Report) error {
	o, err := l.unseal(i, rec)
	switch {
	case consent.CodeOf(err) == consent.Erased:
		r.Erased++
		return nil
	case err != nil:
		return fmt.Errorf("record %d: %w", i, err)
	case proof.MinuteOf(o.use.Time) != o.leaf.Minute || o.use.UseSeq != o.leaf.UseSeq:
		return fmt.Errorf("record %d: %w", i, errors.New("the body does not agree with its leaf"))
	}
	r.Opened++
	return nil
}
