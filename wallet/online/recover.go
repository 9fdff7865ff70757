package online

import (
	"context"
	"fmt"
	"io"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
)

// Meet pins the ledger that an invitation names and fetches the names that its authorities signed. It does not save.
func Meet(ctx context.Context, w *wallet.Wallet, c *client.Client, v wallet.Invitation) (wallet.Names, error) {
	_, names, err := meet(ctx, w, c, &v)
	return names, err
}

func meet(ctx context.Context, w *wallet.Wallet, c *client.Client, v *wallet.Invitation) (usesOrigin string, n wallet.Names, err error) {
	if usesOrigin, err = pin(ctx, w.Book(), c, v); err != nil {
		return "", n, err
	}
	ledger, pinned := w.Book().Ledger(v.Ledger)
	if !pinned {
		return "", n, wallet.ErrPinned
	}
	r, err := Roster(ctx, c, *ledger)
	if err != nil {
		return "", n, err
	}
	return usesOrigin, wallet.Names{Member: r.Member, Code: Code}, nil
}

// BeginRecovery puts a recovery that enough guardians have signed on the ledger and checks the receipt offline. The
// head that it proves says from when on it can be finished.
func BeginRecovery(
	ctx context.Context, w *wallet.Wallet, c *client.Client, r wallet.Recovery, v wallet.Invitation,
) (consent.Message, api.Claimed, consent.Head, error) {
	m := consent.Message{Body: r.Begin, Openings: consent.Openings{Guardians: &r.Guardians}, Sigs: r.Signatures}
	if _, err := pin(ctx, w.Book(), c, &v); err != nil {
		return m, api.Claimed{}, consent.Head{}, err
	}
	ledger, pinned := w.Book().Ledger(v.Ledger)
	if !pinned {
		return m, api.Claimed{}, consent.Head{}, wallet.ErrPinned
	}
	claimed, err := c.Claim(ctx, m)
	if err != nil {
		return m, claimed, consent.Head{}, err
	}
	leaf, _, err := wallet.CheckReceipt(*ledger, m, claimed.Receipt)
	if err != nil {
		return m, claimed, consent.Head{}, err
	}
	h, ok := wallet.HeadIn(leaf, v.Handle)
	if !ok || h.PendingCommit != r.Begin.KeyCommit {
		return m, claimed, h, fmt.Errorf("%w: another key would be registered", wallet.ErrReceipt)
	}
	return m, claimed, h, nil
}

// FinishRecovery makes the handle this wallet's when the delay is over: the key that the recovery named signs at link, and
// the wallet is saved with the handle.
func FinishRecovery(
	ctx context.Context, w *wallet.Wallet, c *client.Client, r wallet.Recovery, v wallet.Invitation, link consent.Link, o Enrolling,
) (Enrolment, error) {
	usesOrigin, names, err := meet(ctx, w, c, &v)
	if err != nil {
		return Enrolment{}, err
	}
	e := enrolment{w: w, c: c, v: v, o: o, names: names}
	if err := e.recovered(r.Begin.KeyCommit); err != nil {
		return Enrolment{}, err
	}
	m, err := e.signFinish(ctx, link)
	if err != nil {
		return Enrolment{}, err
	}
	claimed, err := c.Claim(ctx, m)
	if err != nil {
		return Enrolment{}, err
	}
	out := Enrolment{Subject: e.s, Receipt: claimed.Receipt}
	out.Head, err = e.prove(m, claimed.Receipt)
	if err == nil && out.Head.KeyCommit != r.Begin.KeyCommit {
		err = fmt.Errorf("%w: another key is registered", wallet.ErrReceipt)
	}
	if err == nil {
		err = record(e.s, m, claimed.Receipt)
	}
	if err != nil {
		return out, err
	}
	return out, e.finish(&out, usesOrigin)
}

// recovered enters the handle in the book, unsaved, with the generation of the key that the recovery names.
func (e *enrolment) recovered(commit consent.Hash) (err error) {
	if e.s, e.known = e.w.Book().Subject(e.v.Handle); !e.known {
		e.s, err = e.w.Book().Add(wallet.Subject{
			Handle: e.v.Handle, Label: e.o.Label, Ledger: e.v.Ledger, Gateway: e.c.URL(), UseLog: wallet.Log{Key: e.v.UsesKey},
		})
		if err != nil {
			return err
		}
	}
	if e.s.Delegation != nil {
		return fmt.Errorf("%w: this wallet acts for the handle as a delegate", wallet.ErrSubject)
	}
	ledger, pinned := e.w.Book().Ledger(e.s.Ledger)
	if !pinned {
		return wallet.ErrPinned
	}
	e.ledger = ledger
	_, err = e.w.FindGeneration(e.v.Handle, commit)
	return err
}

// signFinish signs the end of the recovery with the new key.
func (e *enrolment) signFinish(ctx context.Context, l consent.Link) (m consent.Message, err error) {
	body := &consent.RecoveryFinish{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev}
	if _, err := io.ReadFull(e.o.Rand, body.Salt[:]); err != nil {
		return m, fmt.Errorf("draw a salt: %w", err)
	}
	signature, err := e.w.Sign(ctx, e.v.Handle, body, e.names, e.o.Confirm)
	if err != nil {
		return m, err
	}
	opening, err := e.w.Opening(e.v.Handle) // of the generation that the recovery names
	return consent.Message{
		Body: body, Openings: consent.Openings{NewKeySalt: opening.KeySalt}, Sigs: []consent.Signature{signature},
	}, err
}
