package online

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
)

// usesSection is the section of a wallet's subject that this package keeps beside UseLog and LastUse.
const usesSection = "uses"

// usesLog is what a wallet keeps of the use log to check it: its name, the handle's slot as the ledger gave it, and the
// handle's subject salt once it is known.
type usesLog struct {
	Origin string         `json:"origin"`
	Slot   consent.Uint64 `json:"slot"`
	Salt   consent.Hash   `json:"salt"`
	// Anchored is the size of the newest anchor of the log that was seen on the ledger: it cannot go back.
	Anchored consent.Uint64 `json:"anchored,omitempty"`
}

func usesLogOf(s *wallet.Subject) (usesLog, error) {
	var u usesLog
	raw, ok := s.Sections[usesSection]
	if !ok {
		return u, fmt.Errorf("the wallet knows no use log of handle %s; enrol again", s.Handle)
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return u, fmt.Errorf("read the wallet: %w", err)
	}
	return u, nil
}

// setUsesLog keeps u. Neither the log's name nor the slot may ever change.
func setUsesLog(s *wallet.Subject, u usesLog) error {
	if old, err := usesLogOf(s); err == nil {
		if old.Origin != u.Origin || old.Slot != u.Slot {
			return fmt.Errorf("%w: another use log or slot", wallet.ErrPinned)
		}
		if u.Salt.IsZero() {
			u.Salt = old.Salt
		}
		u.Anchored = max(u.Anchored, old.Anchored)
	}
	b, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("keep the use log: %w", err)
	}
	if s.Sections == nil {
		s.Sections = map[string]json.RawMessage{}
	}
	s.Sections[usesSection] = b
	return nil
}

// Verified is what checking the use log has proved.
type Verified struct {
	Statement proof.Statement
	Before    proof.Seen // what had been verified before
	Now       proof.Seen
	// Anchor is the newest anchor of the log on the ledger, which holds as far as it goes what everybody is shown; zero when
	// there is none yet.
	Anchor  consent.Anchored
	Changed bool // the book holds something new: save the wallet
}

// pinnedLog is what the wallet knows of the use log beforehand.
func pinnedLog(s *wallet.Subject) (usesLog, proof.Log, error) {
	u, err := usesLogOf(s)
	if err != nil {
		return u, proof.Log{}, err
	}
	v, err := note.NewVerifier(s.UseLog.Key)
	if err != nil {
		return u, proof.Log{}, fmt.Errorf("%w: the pinned key of the use log: %w", wallet.ErrPinned, err)
	}
	return u, proof.Log{Origin: u.Origin, Verifier: v}, nil
}

// Verify checks the use log against the pinned ledger. It fetches every use that the wallet has not verified yet, or all with anew, checks them with the keys and the state
// that the wallet has, and notes the new state in the book; saving it, if it changed, is the caller's. Nothing that the gateway says counts
// before it is proved. Every failed proof is proof.ErrRefused or one of the book's errors.
func Verify(ctx context.Context, c *client.Client, b *wallet.Book, s *wallet.Subject, anew bool) (Verified, error) {
	for again := false; ; again = true {
		var all []proof.Entry
		out, err := VerifyEach(ctx, c, b, s, anew, func(page proof.Statement) error {
			all = append(all, page.Entries...)
			return nil
		})
		if errors.Is(err, proof.ErrBehind) && !again { // it may have been anchored in between; the book holds that it was
			continue
		}
		out.Statement.Entries = all
		return out, err
	}
}

// VerifyEach is Verify for more uses than should be in memory: it shows them to each a page at a time, the newest first, and keeps
// none. Each that is shown is proved, and none is left out between them; that none is left out at the end, older than all that were
// shown, and that the ledger's anchor holds, is proved when it returns without an error. proof.ErrBehind is of a log that was
// anchored with more uses than were shown; the book then holds that, and a log that is still shorter is refused the next time.
func VerifyEach(
	ctx context.Context, c *client.Client, b *wallet.Book, s *wallet.Subject, anew bool, each func(proof.Statement) error,
) (Verified, error) {
	pinned, ok := b.Ledger(s.Ledger)
	if !ok {
		return Verified{}, fmt.Errorf("%w: the wallet does not know the ledger of handle %s", wallet.ErrPinned, s.Handle)
	}
	u, log, err := pinnedLog(s)
	if err != nil {
		return Verified{}, err
	}
	kept := proof.Seen{
		Size: s.UseLog.Checkpoint.Size, Root: s.UseLog.Checkpoint.Root, UseSeq: s.LastUse.Seq, Head: s.LastUse.Leaf, SubjectSalt: u.Salt,
	}
	out := Verified{Before: kept}
	if anew { // from the first use on, but in a log that still holds what was seen
		out.Before = proof.Seen{Size: kept.Size, Root: kept.Root}
	}
	if err := out.check(ctx, c, log, s.Handle, u.Slot, each); err != nil {
		return out, err
	}
	if kept.UseSeq > 0 && out.Now.SubjectSalt != kept.SubjectSalt {
		return out, fmt.Errorf("%w: the subject salt has changed", proof.ErrRefused)
	}
	if err := out.hold(ctx, c, pinned, log, s, u); err != nil {
		return out, err
	}
	out.Changed = out.Changed || out.Now.Size != kept.Size || kept.UseSeq != out.Now.UseSeq || out.Anchor.Size != u.Anchored
	u.Salt, u.Anchored = out.Now.SubjectSalt, out.Anchor.Size
	return out, out.note(s, u)
}

// check fetches and checks the statement page by page.
func (v *Verified) check(
	ctx context.Context, c *client.Client, log proof.Log, h consent.SubjectID, slot consent.Uint64, each func(proof.Statement) error,
) error {
	var checker *proof.Checker
	err := c.StatementPages(ctx, v.Before, func(page proof.Statement) (err error) {
		if checker == nil {
			v.Statement = page
			if checker, err = proof.Begin(log, v.Before, h, slot, page); err != nil {
				return err
			}
		}
		if err := checker.Add(page.Entries); err != nil {
			return err
		}
		return each(page)
	})
	v.Statement.Entries = nil
	if err == nil {
		v.Now, err = checker.Done()
	}
	return err
}

// hold holds what was shown against the log's newest anchor, and keeps the ledger that it is on.
func (v *Verified) hold(ctx context.Context, c *client.Client, pinned *wallet.Ledger, log proof.Log, s *wallet.Subject, u usesLog) error {
	at, ledger, err := anchor(ctx, c, *pinned, log, s, v.Now, u.Anchored)
	if errors.Is(err, proof.ErrBehind) {
		u.Anchored, v.Changed = at.Size, true
		return errors.Join(err, setUsesLog(s, u))
	}
	if err != nil {
		return err
	}
	if ledger.Size > pinned.Log.Checkpoint.Size {
		if err := pinned.Log.Advance(ledger); err != nil {
			return err
		}
		v.Changed = true
	}
	v.Anchor = at
	return nil
}

// note advances the book to what was proved.
func (v *Verified) note(s *wallet.Subject, u usesLog) error {
	if err := s.UseLog.Advance(wallet.Checkpoint{Size: v.Now.Size, Root: v.Now.Root, Note: v.Statement.Checkpoint}); err != nil {
		return err
	}
	if err := s.AdvanceUse(wallet.UseMark{Seq: v.Now.UseSeq, Leaf: v.Now.Head}); err != nil {
		return err
	}
	return setUsesLog(s, u)
}

// anchor holds what the wallet was shown against the newest anchor of the log on the ledger, which is the ledger that it saw before.
func anchor(
	ctx context.Context, c *client.Client, pinned wallet.Ledger, log proof.Log, s *wallet.Subject, now proof.Seen, had consent.Uint64,
) (consent.Anchored, wallet.Checkpoint, error) {
	if now.Size < had { // whatever the gateway says now
		return consent.Anchored{}, wallet.Checkpoint{}, shorter(now, had)
	}
	a, err := c.Anchor(ctx, now.Size, pinned.Log.Checkpoint.Size)
	if err != nil {
		return consent.Anchored{}, wallet.Checkpoint{}, err
	}
	return checkAnchor(pinned, log, s.Custodian, now, had, a)
}

func shorter(now proof.Seen, had consent.Uint64) error {
	return fmt.Errorf("%w: the ledger had an anchor of %d uses, the log shows %d: the newest are hidden", proof.ErrRefused, had, now.Size)
}

// checkAnchor is the same without a network. had is the size of the newest anchor that the wallet has seen, which the ledger keeps. It
// returns what is anchored and the ledger's checkpoint; what is anchored also with proof.ErrBehind.
func checkAnchor(
	pinned wallet.Ledger, log proof.Log, custodian consent.MemberID, now proof.Seen, had consent.Uint64, a api.Anchor,
) (at consent.Anchored, ledger wallet.Checkpoint, err error) {
	if now.Size < had {
		return at, ledger, shorter(now, had)
	}
	var behind error
	if a.Receipt != nil {
		var leaf consent.Leaf
		if leaf, ledger, err = wallet.CheckReceipt(pinned, consent.Message{}, *a.Receipt); err != nil {
			return at, ledger, err
		}
		cp := proof.Checkpoint{Size: int64(now.Size), Root: now.Root} //nolint:gosec // of a verified checkpoint
		if at, behind = log.CheckAnchor(cp, custodian, leaf, a.Consistency); behind != nil && !errors.Is(behind, proof.ErrBehind) {
			return at, ledger, behind
		}
		if err := wallet.CheckOneLedger(pinned.Log.Checkpoint, ledger, a.LedgerConsistency); err != nil {
			return at, ledger, err
		}
	}
	if at.Size < had {
		return at, ledger, fmt.Errorf("%w: the ledger had an anchor of %d uses, now the newest is of %d", proof.ErrRefused, had, at.Size)
	}
	return at, ledger, behind
}
