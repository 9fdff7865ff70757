package online

import (
	"context"

	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
)

// Accept makes a delegation the wallet's: it pins the ledger, checks offline that the delegation is on it and names this
// wallet's key, and saves. From then on the wallet signs in, shows and signs for the handle as its delegate.
func Accept(
	ctx context.Context, w *wallet.Wallet, c *client.Client, d wallet.Delegation, v wallet.Invitation, label string,
) (*wallet.Subject, error) {
	usesOrigin, err := pin(ctx, w.Book(), c, &v)
	if err != nil {
		return nil, err
	}
	s, head, err := w.Take(d, v, label)
	if err != nil {
		return nil, err
	}
	if err := setUsesLog(s, usesLog{Origin: usesOrigin, Slot: head.Slot}); err != nil {
		return nil, err
	}
	return s, w.Save()
}
