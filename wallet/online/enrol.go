package online

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
)

// Enrolling says how to enrol.
type Enrolling struct {
	Label   string         // default the custodian's name
	Confirm wallet.Confirm // shows what is signed; needed
	Rand    io.Reader      // needed
}

// Enrolment is what enrolling, or bringing a handle back, has proved.
type Enrolment struct {
	Subject *wallet.Subject
	Head    consent.Head
	Receipt network.Receipt
	Name    string // the custodian's, from the authorities
}

// Enrol makes an invitation's handle the wallet's: it pins the ledger, claims the handle with the one-time code or, where
// there is none, signs in and finds the handle's key again, and checks the receipt offline. The wallet is saved.
func Enrol(ctx context.Context, w *wallet.Wallet, c *client.Client, v wallet.Invitation, o Enrolling) (Enrolment, error) {
	usesOrigin, err := pin(ctx, w.Book(), c, &v)
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
		return Enrolment{}, fmt.Errorf("%w: this wallet acts for the handle as a delegate; enrol it in another", wallet.ErrSubject)
	}
	e := enrolment{w: w, s: s, known: known, c: c, v: v, o: o}
	if e.ledger, known = w.Book().Ledger(v.Ledger); !known {
		return Enrolment{}, wallet.ErrPinned
	}
	r, err := Roster(ctx, c, *e.ledger)
	if err != nil {
		return Enrolment{}, err
	}
	e.names = wallet.Names{Member: r.Member, Code: Code}
	var out Enrolment
	if v.Code != "" {
		out, err = e.claim(ctx)
	} else {
		out, err = e.adopt(ctx)
	}
	if err != nil {
		return out, err
	}
	return out, e.finish(&out, usesOrigin)
}

// pin compares what the gateway shows with the invitation, or takes it where there is none, and pins the ledger.
func pin(ctx context.Context, b *wallet.Book, c *client.Client, v *wallet.Invitation) (usesOrigin string, err error) {
	l, err := c.Ledger(ctx)
	if err != nil {
		return "", err
	}
	if l.Genesis.Body == nil {
		return "", fmt.Errorf("%w: the gateway shows no genesis", wallet.ErrPinned)
	}
	genesis := consent.Commitment(l.Genesis.Body)
	if v.Ledger.IsZero() {
		v.Ledger, v.Genesis, v.Key, v.UsesKey = l.ID, genesis, l.Key, l.UsesKey
	}
	if l.ID != v.Ledger || genesis != v.Genesis || l.Key != v.Key || l.UsesKey != v.UsesKey {
		return "", fmt.Errorf("%w: %s shows ledger %s, the invitation says %s", wallet.ErrPinned, c.URL(), l.ID, v.Ledger)
	}
	return l.UsesOrigin, b.Pin(wallet.Ledger{ID: v.Ledger, Genesis: v.Genesis, Name: l.Name, Log: wallet.Log{Key: v.Key}})
}

// Believe is asked whether a log key is to be believed from now on, and shown whose it is.
type Believe func(key string, shown []wallet.Field) (bool, error)

// PinCopy makes a wallet ready for the gateway of another organisation on the same ledger: the person is shown whose key will
// be believed, and it is pinned. For a gateway whose key is pinned it does nothing. The wallet is saved.
func PinCopy(ctx context.Context, w *wallet.Wallet, pinned *wallet.Ledger, c *client.Client, believe Believe) error {
	l, err := c.Ledger(ctx)
	if err != nil {
		return err
	}
	if l.Genesis.Body == nil || l.ID != pinned.ID || consent.Commitment(l.Genesis.Body) != pinned.Genesis {
		return fmt.Errorf("%w: %s shows ledger %s", wallet.ErrPinned, c.URL(), l.ID)
	}
	if pinned.Pinned(l.Key) {
		return nil
	}
	if err := pinned.Admits(l.Key); err != nil {
		return fmt.Errorf("%s: %w", c.URL(), err)
	}
	yes, err := believe(l.Key, []wallet.Field{
		{Path: "gateway", Label: "Another organisation's gateway on the same ledger", Value: wallet.Escape(c.URL())},
		{
			Path: "key", Label: "Its key, by which its receipts will hold", Value: wallet.Escape(l.Key),
			Warning: "Compare it with what the organisation publishes: it is not the key of the gateway that you enrolled with.",
		},
	})
	if err != nil {
		return err
	}
	if !yes {
		return wallet.ErrRefused
	}
	pinned.PinCopy(l.Key)
	return w.Save()
}

type enrolment struct {
	w      *wallet.Wallet
	s      *wallet.Subject
	known  bool // the wallet had the handle before
	ledger *wallet.Ledger
	c      *client.Client
	v      wallet.Invitation
	o      Enrolling
	names  wallet.Names
}

// claim spends the code. The wallet is saved first: should the answer be lost, the handle is not.
func (e *enrolment) claim(ctx context.Context) (Enrolment, error) {
	commit, err := e.w.Keys().Commitment(e.v.Handle, 0)
	if err != nil {
		return Enrolment{}, err
	}
	salt, err := e.w.Keys().KeySalt(e.v.Handle, 0)
	if err != nil {
		return Enrolment{}, err
	}
	secret := consent.CodeSecret(e.v.Code)
	body := &consent.SubjectClaim{Handle: e.v.Handle, Seq: e.v.Seq + 1, Prev: e.v.Prev, KeyCommit: commit}
	if _, err := io.ReadFull(e.o.Rand, body.Salt[:]); err != nil {
		return Enrolment{}, fmt.Errorf("draw a salt: %w", err)
	}
	signature, err := e.w.Sign(ctx, e.v.Handle, body, e.names, e.o.Confirm)
	if err != nil {
		return Enrolment{}, err
	}
	if err := e.w.Save(); err != nil {
		return Enrolment{}, err
	}
	m := consent.Message{
		Body: body, Openings: consent.Openings{NewKeySalt: &salt, Code: &secret}, Sigs: []consent.Signature{signature},
	}
	claimed, err := e.c.Claim(ctx, m)
	if err != nil {
		return Enrolment{}, e.undo(ctx, err)
	}
	out := Enrolment{Subject: e.s, Receipt: claimed.Receipt}
	out.Head, err = e.prove(m, claimed.Receipt)
	if err == nil && out.Head.KeyCommit != commit {
		err = fmt.Errorf("%w: another key is registered", wallet.ErrReceipt)
	}
	if err != nil {
		return out, err
	}
	return out, record(e.s, m, claimed.Receipt)
}

// undo takes the handle out of the wallet again when the claim was refused for certain.
func (e *enrolment) undo(ctx context.Context, refusal error) error {
	switch consent.CodeOf(refusal) { //nolint:exhaustive // all others are certain
	case consent.Unknown, consent.Unavailable, consent.Internal, consent.Fenced:
		return refusal
	}
	if e.known || ctx.Err() != nil {
		return refusal
	}
	b := e.w.Book()
	b.Subjects = slices.DeleteFunc(b.Subjects, func(s *wallet.Subject) bool { return s.Handle == e.s.Handle })
	return errors.Join(refusal, e.w.Save())
}

// adopt finds the handle of a restored wallet again: the newest message's receipt proves the head.
func (e *enrolment) adopt(ctx context.Context) (Enrolment, error) {
	session, err := SignIn(ctx, e.w, e.s.Handle, e.c)
	for g := uint32(1); g < triedGenerations && consent.CodeOf(err) == consent.Unauthorized; g++ {
		e.s.Generation = g
		session, err = SignIn(ctx, e.w, e.s.Handle, e.c)
	}
	if err != nil {
		return Enrolment{}, err
	}
	signed := e.c.As(client.Bearer(session.AccessToken))
	me, err := signed.Me(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	out := Enrolment{Subject: e.s}
	if out.Receipt, err = signed.Receipt(ctx, me.Prev); err != nil {
		return out, err
	}
	if out.Head, err = e.prove(consent.Message{}, out.Receipt); err != nil {
		return out, err
	}
	if _, err := e.w.FindGeneration(e.v.Handle, out.Head.KeyCommit); err != nil {
		return out, err
	}
	e.s.Seq, e.s.Prev = max(e.s.Seq, out.Head.Seq), me.Prev
	return out, nil
}

// triedGenerations bounds the sign-ins that adopt tries: gateways allow ten a minute.
const triedGenerations = 4

func (e *enrolment) prove(m consent.Message, r network.Receipt) (consent.Head, error) {
	leaf, _, err := wallet.CheckReceipt(*e.ledger, m, r)
	if err != nil {
		return consent.Head{}, err
	}
	h, ok := wallet.HeadIn(leaf, e.v.Handle)
	if !ok {
		return h, fmt.Errorf("%w: its leaf is of another handle", wallet.ErrReceipt)
	}
	return h, nil
}

// finish writes what was proved into the book and saves.
func (e *enrolment) finish(out *Enrolment, usesOrigin string) error {
	e.s.Custodian, e.s.Gateway = out.Head.Custodian, e.c.URL()
	out.Name = string(out.Head.Custodian)
	if m, known := e.names.Member(out.Head.Custodian); known {
		out.Name = m.Name
	}
	if e.s.Label == "" {
		e.s.Label = out.Name
	}
	if err := setUsesLog(e.s, usesLog{Origin: usesOrigin, Slot: out.Head.Slot}); err != nil {
		return err
	}
	return e.w.Save()
}
