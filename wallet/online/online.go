// Package online is a wallet at a gateway: it enrols, signs in, puts signed messages on the ledger and verifies uses. The
// gateway is never believed. What is pinned at enrolment, what the authorities signed and what a proof shows counts; the
// rest is only asked for. Package cli is its face for people.
package online

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
)

// SignIn signs in to the gateway with a handle's key, as the patient or, for a handle that the wallet only acts for, as
// its delegate. The person asked for it herself, so she is not asked again; the
// wallet refuses a text for any other place than the one that c talks to.
func SignIn(ctx context.Context, w *wallet.Wallet, handle consent.SubjectID, c *client.Client) (api.Session, error) {
	key, err := w.Key(handle)
	if err != nil {
		return api.Session{}, err
	}
	ch, err := c.Challenge(ctx)
	if err != nil {
		return api.Session{}, err
	}
	m, err := client.Message(ch, key.Address())
	if err != nil {
		return api.Session{}, err
	}
	place, err := url.Parse(c.URL())
	if err != nil {
		return api.Session{}, err
	}
	yes := func([]wallet.Field) (bool, error) { return true, nil }
	text, signature, err := w.SignIn(ctx, handle, place, m, yes)
	if err != nil {
		return api.Session{}, err
	}
	opening, err := w.Opening(handle)
	if err != nil {
		return api.Session{}, err
	}
	in := api.SignIn{Message: text, Signature: signature.String(), Delegation: opening.Delegation}
	if in.Delegation == nil {
		in.Handle, in.KeySalt = &handle, opening.KeySalt
	}
	return c.SignIn(ctx, in)
}

// Patient is a patient at a gateway: one handle of her wallet, signed in. All fields are needed.
type Patient struct {
	Wallet  *wallet.Wallet
	Subject *wallet.Subject
	Ledger  *wallet.Ledger
	API     *client.Client // with her token
	Names   wallet.Names
	Confirm wallet.Confirm
	Rand    io.Reader
}

// Put signs a message of the handle after Confirm has agreed, puts it on the ledger, checks the receipt offline, and keeps
// both in the wallet, which is saved. Body is called with the message's place in the chain and a fresh salt.
func (p *Patient) Put(
	ctx context.Context, body func(l consent.Link, salt consent.Hash) consent.Body,
) (consent.Message, network.Receipt, error) {
	link, salt, err := p.next(ctx)
	if err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	m := consent.Message{Body: body(link, salt)}
	signature, err := p.Wallet.Sign(ctx, p.Subject.Handle, m.Body, p.Names, p.Confirm)
	if err != nil {
		return m, network.Receipt{}, err
	}
	m.Sigs = []consent.Signature{signature}
	if m.Openings, err = p.Wallet.Opening(p.Subject.Handle); err != nil {
		return m, network.Receipt{}, err
	}
	r, err := p.API.Submit(ctx, m)
	if err != nil {
		return m, r, err
	}
	return m, r, p.keep(m, r, func() {})
}

// next is the place of the handle's next message, and a fresh salt for it.
func (p *Patient) next(ctx context.Context) (l consent.Link, salt consent.Hash, err error) {
	me, err := p.API.Me(ctx)
	if err != nil {
		return l, salt, err
	}
	l = consent.Link{Handle: p.Subject.Handle, Seq: me.Seq + 1, Prev: me.Prev}
	if _, err := io.ReadFull(p.Rand, salt[:]); err != nil {
		return l, salt, fmt.Errorf("draw a salt: %w", err)
	}
	return l, salt, nil
}

// keep checks the receipt of a message, notes what it changed, and saves message and receipt.
func (p *Patient) keep(m consent.Message, r network.Receipt, proved func()) error {
	if _, _, err := wallet.CheckReceipt(*p.Ledger, m, r); err != nil {
		return err
	}
	proved()
	if err := record(p.Subject, m, r); err != nil {
		return err
	}
	return p.Wallet.Save()
}

// record keeps a message and its receipt in the book.
func record(s *wallet.Subject, m consent.Message, r network.Receipt) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keep a receipt: %w", err)
	}
	return s.Record(m, b)
}
