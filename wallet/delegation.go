package wallet

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// ErrDelegation says that a file is no delegation, or not one for this wallet.
var ErrDelegation = errors.New("not a delegation for this wallet")

const maxDelegation = 64 << 10

// Delegation is the file that a delegate gets from the person who named her, or from the custodian who entered her as a
// child's guardian: where to go and what to pin, the opened delegation, and the receipt that proves it and the handle's
// head. It is confidential: it says who acts for whom, and its salt opens the ledger's commitment.
type Delegation struct {
	Invitation string           `json:"invitation"` // without a code
	Delegate   consent.Delegate `json:"delegation"`
	Receipt    network.Receipt  `json:"receipt"`
}

// Format writes the file.
func (d Delegation) Format() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a delegation: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseDelegation reads the file and returns what its invitation says too. ErrDelegation: it is none, or its parts are of
// two handles. Whether it is true is for CheckReceipt to say.
func ParseDelegation(b []byte) (Delegation, Invitation, error) {
	var d Delegation
	if len(b) > maxDelegation {
		return d, Invitation{}, fmt.Errorf("%w: longer than %d bytes", ErrDelegation, maxDelegation)
	}
	if err := unmarshalStrict(b, &d); err != nil {
		return d, Invitation{}, fmt.Errorf("%w: %w", ErrDelegation, err)
	}
	v, err := ParseInvitation(d.Invitation)
	switch {
	case err != nil:
		return d, v, fmt.Errorf("%w: %w", ErrDelegation, err)
	case v.Code != "" || v.Handle != d.Delegate.Handle:
		return d, v, fmt.Errorf("%w: its invitation is of another handle, or has a code", ErrDelegation)
	}
	return d, v, nil
}

// Take enters a delegation for this wallet: the handle's owner named the key that this wallet derives for the handle. A
// newer delegation for the same handle takes the place of the older. The receipt must prove the delegation on the pinned
// ledger; the head that it proves is returned. Save writes the book.
func (w *Wallet) Take(d Delegation, v Invitation, label string) (*Subject, consent.Head, error) {
	body := d.Delegate
	key, err := w.keys.Key(body.Handle, 0)
	if err != nil {
		return nil, consent.Head{}, err
	}
	if body.Delegate != key.Address() {
		return nil, consent.Head{}, fmt.Errorf("%w: it names another key than %s", ErrDelegation, key.Address())
	}
	ledger, pinned := w.book.Ledger(v.Ledger)
	if !pinned {
		return nil, consent.Head{}, ErrPinned
	}
	leaf, _, err := CheckReceipt(*ledger, consent.Message{Body: &body}, d.Receipt)
	if err != nil {
		return nil, consent.Head{}, err
	}
	head, ok := HeadIn(leaf, body.Handle)
	if !ok {
		return nil, head, fmt.Errorf("%w: its leaf is of another handle", ErrReceipt)
	}
	s, known := w.book.Subject(body.Handle)
	switch {
	case !known:
		s, err = w.book.Add(Subject{
			Handle: body.Handle, Label: label, Ledger: v.Ledger, Gateway: v.Server, UseLog: Log{Key: v.UsesKey},
		})
		if err != nil {
			return nil, head, err
		}
	case s.Delegation == nil:
		return nil, head, fmt.Errorf("%w: the handle is your own", ErrDelegation)
	case s.Delegation.Seq > body.Seq:
		return nil, head, fmt.Errorf("%w: the wallet has a newer one", ErrDelegation)
	}
	s.Custodian, s.Delegation = head.Custodian, &body
	if head.Seq > s.Seq {
		s.Seq, s.Prev = head.Seq, head.Prev
	}
	return s, head, nil
}
