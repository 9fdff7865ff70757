package takeout

import (
	"errors"
	"fmt"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
)

// ErrRefused says that a receipt is not what its evidence says, or that its evidence does not hold.
var ErrRefused = errors.New("the receipt does not hold")

// Proved is a message with the ledger's receipt.
type Proved struct {
	Message consent.Message `json:"message"`
	Receipt network.Receipt `json:"receipt"`
}

// Stated is what the custodian says of itself. Nobody has signed it.
type Stated struct {
	Jurisdiction string `json:"jurisdiction"` // ISO 3166-1 or -2 code; "" when it says nothing
	Gateway      string `json:"gateway"`      // URL, where the consent can be withdrawn
}

// Evidence is all that a receipt is made from.
type Evidence struct {
	Ledger  consent.Hash      `json:"ledger"`
	Genesis consent.Hash      `json:"genesis"`
	LogKey  string            `json:"logKey"` // verifier key of the ledger's log (C2SP signed-note)
	Consent Proved            `json:"consent"`
	Ended   *Proved           `json:"ended,omitempty"` // the revocation, when there is one
	Members []consent.Message `json:"members"`         // genesis first; those that name the parties
	Stated  Stated            `json:"stated"`
}

// facts are what evidence proves.
type facts struct {
	consent   consent.Consent
	link      consent.Link
	kind      string
	commit    consent.Hash
	custodian consent.MemberID
	given     consent.Millis // whole minutes
	ended     consent.Millis // 0: not
	signer    string         // who expressed it
	roster    *wallet.Roster
}

// prove checks e and returns what it proves. Every error is ErrRefused.
func (e *Evidence) prove() (facts, error) {
	f, err := e.facts()
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return f, nil
}

func (e *Evidence) facts() (f facts, err error) {
	pinned := wallet.Ledger{ID: e.Ledger, Genesis: e.Genesis, Log: wallet.Log{Key: e.LogKey}}
	leaf, signers, err := e.Consent.check(pinned)
	if err != nil {
		return f, err
	}
	f.commit, f.kind, f.given = leaf.Commitment, leaf.Type, leaf.Time
	switch b := e.Consent.Message.Body.(type) {
	case *consent.ConsentGrant:
		f.consent, f.link = b.Consent, b.Link()
	case *consent.ConsentDecline:
		f.consent, f.link = b.Consent, b.Link()
	default:
		return f, fmt.Errorf("a %s is no consent of a person", leaf.Type)
	}
	head, ok := wallet.HeadIn(leaf, f.link.Handle)
	if !ok {
		return f, errors.New("the leaf has no head of the handle")
	}
	if !signedFor(head, e.Consent.Message.Openings, signers) {
		return f, errors.New("the signature is not by the key that the leaf and the openings name")
	}
	f.custodian = head.Custodian
	f.signer = subjectURN(f.link.Handle)
	if d := e.Consent.Message.Openings.Delegation; d != nil {
		f.signer = fmt.Sprintf("%s/delegation/%d", f.signer, d.Seq)
	}
	if e.Ended != nil {
		if f.ended, err = e.Ended.ends(pinned, f.link); err != nil {
			return f, err
		}
	}
	f.roster, err = e.roster(pinned)
	return f, err
}

// roster runs the messages about members.
func (e *Evidence) roster(pinned wallet.Ledger) (*wallet.Roster, error) {
	if len(e.Members) == 0 {
		return nil, errors.New("it does not say who the members are")
	}
	r, err := wallet.NewRoster(pinned, e.Members[0])
	if err != nil {
		return nil, err
	}
	for _, m := range e.Members[1:] {
		if err := r.Add(m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// check checks signatures and inclusion, and returns who signed.
func (p *Proved) check(pinned wallet.Ledger) (consent.Leaf, []consent.Address, error) {
	v, err := consent.Verify(pinned.ID, p.Message)
	if err != nil {
		return consent.Leaf{}, nil, err
	}
	leaf, _, err := wallet.CheckReceipt(pinned, p.Message, p.Receipt)
	return leaf, v.Signers(), err
}

// signedFor reports whether the one signer is the subject's registered key or the delegate that the openings name. A leaf
// commits to a body and not to its signatures, so a valid signature by another key would go with it as well.
func signedFor(head consent.Head, o consent.Openings, signers []consent.Address) bool {
	switch {
	case len(signers) != 1:
		return false
	case o.Delegation != nil:
		return o.Delegation.Delegate == signers[0]
	}
	return o.KeySalt != nil && consent.KeyCommitment(*o.KeySalt, signers[0]) == head.KeyCommit
}

// ends checks a revocation of the consent at l and returns its time.
func (p *Proved) ends(pinned wallet.Ledger, l consent.Link) (consent.Millis, error) {
	leaf, _, err := p.check(pinned)
	if err != nil {
		return 0, err
	}
	switch b := p.Message.Body.(type) {
	case *consent.ConsentRevoke:
		if b.Handle == l.Handle && b.Consent == l.Seq {
			return leaf.Time, nil
		}
	case *consent.RevokeAll:
		if b.Handle == l.Handle && b.Seq > l.Seq {
			return leaf.Time, nil
		}
	}
	return 0, errors.New("the revocation is of something else")
}

// Parties keeps, of the messages about members, those that it takes to name the parties of a consent: the genesis, changes
// of the authorities, and whatever is about the named members.
func Parties(messages []consent.Message, parties ...consent.MemberID) []consent.Message {
	return slices.DeleteFunc(slices.Clone(messages), func(m consent.Message) bool {
		switch b := m.Body.(type) {
		case *consent.MemberAdmit:
			return !slices.Contains(parties, b.Member)
		case *consent.MemberUpdate:
			return !slices.Contains(parties, b.Member)
		case *consent.MemberSuspend:
			return !slices.Contains(parties, b.Member)
		}
		return false
	})
}
