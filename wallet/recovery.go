package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// ErrRecovery says that a file is no recovery, or that its parts do not go together.
var ErrRecovery = errors.New("not a recovery")

// Recovery is the file that goes round when a key is lost. The person's guardians keep it from the day she named them,
// then with Begin absent. Her new wallet fills in Begin, and each guardian adds a signature. It is confidential: it names
// the guardians' keys, and it opens the ledger's commitments.
type Recovery struct { //nolint:recvcheck // Sign adds to it
	Invitation string                 `json:"invitation"` // without a code
	Guardians  consent.Guardians      `json:"guardians"`
	Begin      *consent.RecoveryBegin `json:"begin,omitempty"`
	Signatures []consent.Signature    `json:"signatures,omitempty"`
}

// Format writes the file.
func (r Recovery) Format() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a recovery: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseRecovery reads the file and returns what its invitation says too. ErrRecovery: it is none, or is of two handles.
func ParseRecovery(b []byte) (Recovery, Invitation, error) {
	var r Recovery
	if len(b) > maxDelegation {
		return r, Invitation{}, fmt.Errorf("%w: longer than %d bytes", ErrRecovery, maxDelegation)
	}
	if err := unmarshalStrict(b, &r); err != nil {
		return r, Invitation{}, fmt.Errorf("%w: %w", ErrRecovery, err)
	}
	v, err := ParseInvitation(r.Invitation)
	switch {
	case err != nil:
		return r, v, fmt.Errorf("%w: %w", ErrRecovery, err)
	case v.Code != "" || r.Begin != nil && r.Begin.Handle != v.Handle:
		return r, v, fmt.Errorf("%w: its invitation is of another handle, or has a code", ErrRecovery)
	}
	return r, v, nil
}

// Merge adds another guardian's signatures. ErrRecovery: they are for another recovery.
func (r *Recovery) Merge(o Recovery) error {
	if r.Begin == nil || o.Begin == nil || *r.Begin != *o.Begin || r.Invitation != o.Invitation {
		return fmt.Errorf("%w: the files are not of one recovery", ErrRecovery)
	}
	for _, s := range o.Signatures {
		if !slices.Contains(r.Signatures, s) {
			r.Signatures = append(r.Signatures, s)
		}
	}
	return nil
}

// SignRecovery signs somebody else's recovery, as one of her guardians, with the key that this wallet derives for her
// handle, for a pinned ledger, when confirm agrees. ErrRecovery: this wallet's key is not among the guardians.
func (w *Wallet) SignRecovery(
	ctx context.Context, ledger consent.Hash, r Recovery, names Names, confirm Confirm,
) (sig.Signature, error) {
	if w.lock == nil {
		return sig.Signature{}, ErrClosed
	}
	if _, pinned := w.book.Ledger(ledger); !pinned {
		return sig.Signature{}, ErrPinned
	}
	if r.Begin == nil {
		return sig.Signature{}, fmt.Errorf("%w: nobody has begun it", ErrRecovery)
	}
	key, err := w.keys.Key(r.Begin.Handle, 0)
	if err != nil {
		return sig.Signature{}, err
	}
	if !slices.Contains(r.Guardians.Addresses, key.Address()) {
		return sig.Signature{}, fmt.Errorf("%w: your key %s is not among the guardians", ErrRecovery, key.Address())
	}
	body := *r.Begin
	fields := append(Describe(&body, names), Field{
		Path: "signer", Label: "As a guardian, with the key", Value: key.Address().String(),
		Warning: "sign only when you have spoken to the person: whoever has the new key will be that person here",
	})
	if err := agree(ctx, fields, confirm); err != nil {
		return sig.Signature{}, err
	}
	return key.Sign(consent.Digest(ledger, &body))
}
