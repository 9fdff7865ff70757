package online

import (
	"context"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// Rotate replaces the handle's key by the next generation's: the old key signs and then the new one. The wallet is saved
// with the new generation once the receipt is proved. When the answer is lost, the next sign-in has to try the next generation too.
func (p *Patient) Rotate(ctx context.Context) (consent.Message, network.Receipt, error) {
	next := p.Subject.Generation + 1
	commit, err := p.Wallet.Keys().Commitment(p.Subject.Handle, next)
	if err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	newSalt, err := p.Wallet.Keys().KeySalt(p.Subject.Handle, next)
	if err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	link, salt, err := p.next(ctx)
	if err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	body := &consent.KeyRotate{Handle: link.Handle, Seq: link.Seq, Prev: link.Prev, KeyCommit: commit, Salt: salt}
	m := consent.Message{Body: body}
	if m.Sigs, err = p.Wallet.SignRotation(ctx, link.Handle, body, p.Names, p.Confirm); err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	if m.Openings, err = p.Wallet.Opening(link.Handle); err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	m.Openings.NewKeySalt = &newSalt
	r, err := p.API.Submit(ctx, m)
	if err != nil {
		return consent.Message{}, network.Receipt{}, err
	}
	return m, r, p.keep(m, r, func() { p.Subject.Generation = next })
}
