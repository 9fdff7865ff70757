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
	s, known := w.Book().Subject(v.Handle)
	if !known {
		s, err = w.Book().Add(wallet.Subject{
			Handle: v.Handle, Label: o.Label, Ledger: v.Ledger, Gateway: c.URL(), UseLog: wallet.Log{Key: v.UsesKey},
		})
		if err != nil {
			return Enrolment{}, err
		}
	}
	if s.Delegation != nil {
		return Enrolment{}, fmt.Errorf("%w: this wallet acts for the handle as a delegate", wallet.ErrSubject)
	}
	g, err := w.FindGeneration(v.Handle, r.Begin.KeyCommit)
	if err != nil {
		return Enrolment{}, err
	}
	salt, err := w.Keys().KeySalt(v.Handle, g)
	if err != nil {
		return Enrolment{}, err
	}
	body := &consent.RecoveryFinish{Handle: link.Handle, Seq: link.Seq, Prev: link.Prev}
	if _, err := io.ReadFull(o.Rand, body.Salt[:]); err != nil {
		return Enrolment{}, fmt.Errorf("draw a salt: %w", err)
	}
	signature, err := w.Sign(ctx, v.Handle, body, names, o.Confirm)
	if err != nil {
		return Enrolment{}, err
	}
	m := consent.Message{Body: body, Openings: consent.Openings{NewKeySalt: &salt}, Sigs: []consent.Signature{signature}}
	claimed, err := c.Claim(ctx, m)
	if err != nil {
		return Enrolment{}, err
	}
	e := enrolment{w: w, s: s, known: known, c: c, v: v, o: o, names: names}
	if e.ledger, known = w.Book().Ledger(v.Ledger); !known {
		return Enrolment{}, wallet.ErrPinned
	}
	out := Enrolment{Subject: s, Receipt: claimed.Receipt}
	out.Head, err = e.prove(m, claimed.Receipt)
	if err == nil && out.Head.KeyCommit != r.Begin.KeyCommit {
		err = fmt.Errorf("%w: another key is registered", wallet.ErrReceipt)
	}
	if err == nil {
		err = record(s, m, claimed.Receipt)
	}
	if err != nil {
		return out, err
	}
	return out, e.finish(&out, usesOrigin)
}
