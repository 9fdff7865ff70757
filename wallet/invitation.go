package wallet

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// ErrInvitation says that a text is no invitation.
var ErrInvitation = errors.New("not an invitation (volens1:…)")

const (
	invitationPrefix = "volens1:"
	maxInvitation    = 4096
)

// Invitation is what a custodian hands to a patient, as a QR code or a letter, over a way of its own: where to go, which
// handle, the one-time code, and what to pin. So no server that is met later can put another ledger in the place of this
// one. Without a code it is a reminder of a handle that is claimed already, which a restored wallet reads.
//
// Its text is "volens1:" and the base64url, without padding, of its JSON: members in this order, no space, nothing else.
type Invitation struct {
	Server  string            `json:"server"` // URL of the custodian's gateway
	Handle  consent.SubjectID `json:"handle"`
	Code    string            `json:"code,omitempty"`
	Seq     consent.Uint64    `json:"seq"`  // of the handle's newest message
	Prev    consent.Hash      `json:"prev"` // its commitment
	Ledger  consent.Hash      `json:"ledger"`
	Genesis consent.Hash      `json:"genesis"`
	Key     string            `json:"key"`     // verifier key of the ledger's log (C2SP signed-note)
	UsesKey string            `json:"usesKey"` // verifier key of the custodian's use log
}

// Format writes the text of an invitation.
func (v Invitation) Format() (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write an invitation: %w", err)
	}
	text := invitationPrefix + base64.RawURLEncoding.EncodeToString(b)
	if len(text) > maxInvitation {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrInvitation, maxInvitation)
	}
	return text, nil
}

// Reminder is the invitation without a code that brings a handle of the book back.
func (b *Book) Reminder(s *Subject) (Invitation, error) {
	ledger, pinned := b.Ledger(s.Ledger)
	if !pinned {
		return Invitation{}, ErrPinned
	}
	return Invitation{
		Server: s.Gateway, Handle: s.Handle, Seq: s.Seq, Prev: s.Prev, Ledger: ledger.ID, Genesis: ledger.Genesis,
		Key: ledger.Log.Key, UsesKey: s.UseLog.Key,
	}, nil
}

// ParseInvitation reads the text of an invitation. There is one spelling of each: Format gives the same text back.
func ParseInvitation(text string) (Invitation, error) {
	encoded, ok := strings.CutPrefix(text, invitationPrefix)
	if !ok || len(text) > maxInvitation {
		return Invitation{}, ErrInvitation
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrInvitation, err)
	}
	var v Invitation
	if err := unmarshalStrict(b, &v); err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrInvitation, err)
	}
	switch same, err := v.Format(); {
	case err != nil:
		return Invitation{}, err
	case same != text:
		return Invitation{}, fmt.Errorf("%w: it has another spelling", ErrInvitation)
	case !v.whole():
		return Invitation{}, fmt.Errorf("%w: something is missing", ErrInvitation)
	}
	return v, nil
}

// whole reports whether an invitation has all that it must; a code it need not have.
func (v Invitation) whole() bool {
	return v.Server != "" && !v.Handle.IsZero() && !v.Ledger.IsZero() && !v.Genesis.IsZero() && v.Key != "" && v.UsesKey != ""
}
