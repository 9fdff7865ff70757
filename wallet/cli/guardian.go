package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

func (a *app) custodianGuardian() *cobra.Command {
	w := powers{kind: "guardian"}
	var q subjectFlags
	c := &cobra.Command{
		Use: "guardian", Short: "Enter the guardian of a child whose handle nobody has claimed", Args: cobra.NoArgs,
		Long: `Enter who acts for a child, as on paper. Tell the guardian the handle ("volens custodian find"); she tells you the address
that "volens wallet address HANDLE" prints. The file that --out writes is for her alone. It can be done only until somebody claims
the handle, and the child, once she holds the key, sees it and can end it. The member's key signs; it is a ledger key (64 hex
digits).`,
		Example: `  volens custodian guardian --member city-hospital --key city.key --local-id MRN-9 --to 0x5aae… \
    --scope grant,revoke,view --majority 2039-05-01 --out for-mother.json`,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			d, err := w.delegation()
			if err != nil {
				return err
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			key, err := a.ledgerKey()
			if err != nil {
				return err
			}
			v, r, err := a.enterGuardian(c.Context(), m, key, query, &d)
			if err != nil {
				return err
			}
			if err := w.write(v, d, r); err != nil {
				return err
			}
			return a.showSigned(consent.Message{Body: &d}, r)
		},
	}
	w.flags(c)
	q.flags(c)
	c.Flags().BoolVar(&a.yes, "yes", false, "sign without asking")
	c.Flags().BoolVar(&a.details, "details", false, "show hashes and salts too before signing")
	return c
}

// ledgerKey is the member's key, when it is one that signs on the ledger.
func (a *app) ledgerKey() (sig.Key, error) {
	k, err := ReadKey(a.key)
	if err != nil {
		return sig.Key{}, err
	}
	key, ok := k.(sig.Key)
	if !ok {
		return sig.Key{}, Usage("--key %s is for signing in only; the ledger takes signatures of a key of 64 hex digits", a.key)
	}
	return key, nil
}

// enterGuardian shows the delegation, signs it with the custodian's key and puts it on the ledger that the custodian's own
// gateway shows.
func (a *app) enterGuardian(
	ctx context.Context, m *client.Client, key sig.Key, q api.SubjectQuery, d *consent.Delegate,
) (v wallet.Invitation, r network.Receipt, err error) {
	s, err := m.Search(ctx, q)
	if err != nil {
		return v, r, err
	}
	l, err := m.Ledger(ctx)
	if err != nil {
		return v, r, err
	}
	if l.Genesis.Body == nil {
		return v, r, fmt.Errorf("%w: the gateway shows no genesis", wallet.ErrPinned)
	}
	pinned := wallet.Ledger{ID: l.ID, Genesis: consent.Commitment(l.Genesis.Body), Log: wallet.Log{Key: l.Key}}
	d.Handle, d.Seq, d.Prev = s.Handle, s.Seq+1, s.Prev
	if _, err := io.ReadFull(a.Rand, d.Salt[:]); err != nil {
		return v, r, fmt.Errorf("draw a salt: %w", err)
	}
	names, err := online.Roster(ctx, m, pinned)
	if err != nil {
		return v, r, err
	}
	switch yes, err := a.confirm(wallet.Describe(d, wallet.Names{Member: names.Member, Code: online.Code})); {
	case err != nil:
		return v, r, err
	case !yes:
		return v, r, wallet.ErrRefused
	}
	signature, err := key.Sign(consent.Digest(l.ID, d))
	if err != nil {
		return v, r, err
	}
	msg := consent.Message{Body: d, Sigs: []consent.Signature{signature}}
	if r, err = m.Submit(ctx, msg); err != nil {
		return v, r, err
	}
	_, _, err = wallet.CheckReceipt(pinned, msg, r)
	return wallet.Invitation{
		Server: m.URL(), Handle: s.Handle, Seq: d.Seq, Prev: consent.Commitment(d), Ledger: l.ID, Genesis: pinned.Genesis,
		Key: l.Key, UsesKey: l.UsesKey,
	}, r, err
}
