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

// Stated is what the custodian says of itself, and what whoever issues a receipt says. Nobody has signed it.
type Stated struct {
	Jurisdiction string         `json:"jurisdiction"`     // ISO 3166-1 or -2 code; "" when it says nothing
	Gateway      string         `json:"gateway"`          // URL, where the consent can be withdrawn
	Issued       consent.Millis `json:"issued,omitempty"` // when the receipt was made; what ended by then is told as ended
	Gone         bool           `json:"gone,omitempty"`   // the gateway did not know the handle any more, as after an erasure
}

// Evidence is all that a receipt is made from.
type Evidence struct {
	Ledger  consent.Hash      `json:"ledger"`
	Genesis consent.Hash      `json:"genesis"`
	LogKey  string            `json:"logKey"` // verifier key of the ledger's log (C2SP signed-note)
	Consent Proved            `json:"consent"`
	Confirm *Proved           `json:"confirm,omitempty"` // by the person, of a consent that the custodian attested
	Ended   *Proved           `json:"ended,omitempty"`   // what ended it, when it has ended
	Members []consent.Message `json:"members"`           // genesis first; those that name the parties
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
	by        signer         // who expressed it, or entered it
	document  consent.Hash   // of an attested consent: what the custodian holds
	confirmed consent.Millis // 0: not
	ended     consent.Millis // 0: not
	endedBy   signer
	endedHow  string // "" for a revocation
	roster    *wallet.Roster
	keys      map[consent.Address]bool // that the authorities ever admitted for the custodian
	keyCommit consent.Hash             // of the person's key when the consent was put on the ledger
}

// signer is who signed a message about a subject.
type signer string

const (
	bySubject   signer = "subject"
	byDelegate  signer = "delegate"
	byCustodian signer = "custodian"
)

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
	if err := f.expression(e.Consent.Message.Body); err != nil {
		return f, err
	}
	leaf, _, err := e.Consent.check(pinned)
	if err != nil {
		return f, err
	}
	f.commit, f.kind, f.given = leaf.Commitment, leaf.Type, leaf.Time
	head, ok := wallet.HeadIn(leaf, f.link.Handle)
	if !ok {
		return f, errors.New("the leaf has no head of the handle")
	}
	f.custodian, f.keyCommit = head.Custodian, head.KeyCommit
	if err := f.admit(e.Members, pinned); err != nil {
		return f, err
	}
	if _, f.by, err = f.signed(pinned, &e.Consent); err != nil {
		return f, err
	}
	if (f.by == byCustodian) != (f.kind == attested) {
		return f, fmt.Errorf("a %s is not signed by the %s", f.kind, f.by)
	}
	if err := f.confirm(pinned, e.Confirm); err != nil {
		return f, err
	}
	return f, f.end(pinned, e)
}

const attested = "ConsentAttest"

// expression reads what a message says was consented to.
func (f *facts) expression(b consent.Body) error {
	switch b := b.(type) {
	case *consent.ConsentGrant:
		f.consent, f.link = b.Consent, b.Link()
	case *consent.ConsentDecline:
		f.consent, f.link = b.Consent, b.Link()
	case *consent.ConsentAttest:
		f.consent, f.link, f.document = b.Consent, b.Link(), b.Evidence
	default:
		return errors.New("the first message is no consent of a person")
	}
	return nil
}

// signed checks a message of the subject: that it is on the ledger, and by whom. A leaf commits to a body and not to its
// signatures, so a valid signature by another key would go with it as well: the signer is the key that the leaf's head
// commits to, the delegate that the openings name, or a key that the authorities admitted for the custodian.
func (f *facts) signed(pinned wallet.Ledger, p *Proved) (consent.Leaf, signer, error) {
	leaf, signers, err := p.check(pinned)
	if err != nil {
		return leaf, "", err
	}
	head, ok := wallet.HeadIn(leaf, f.link.Handle)
	o := p.Message.Openings
	if head.State == consent.Gone { // the head of an erased subject commits to no key
		head.KeyCommit = f.keyCommit
	}
	switch {
	case !ok:
		return leaf, "", errors.New("the leaf has no head of the handle")
	case len(signers) != 1:
		return leaf, "", errors.New("one signs a message about a consent")
	case o.Delegation != nil && o.Delegation.Delegate == signers[0]:
		return leaf, byDelegate, nil
	case o.KeySalt != nil && consent.KeyCommitment(*o.KeySalt, signers[0]) == head.KeyCommit:
		return leaf, bySubject, nil
	case f.keys[signers[0]]:
		return leaf, byCustodian, nil
	}
	return leaf, "", errors.New("the signature is by no key that the leaf, the openings or the members name")
}

// confirm checks that the person made an attested consent her own.
func (f *facts) confirm(pinned wallet.Ledger, p *Proved) error {
	if p == nil {
		return nil
	}
	leaf, by, err := f.signed(pinned, p)
	if err != nil {
		return err
	}
	b, ok := p.Message.Body.(*consent.ConsentConfirm)
	if !ok || f.kind != attested || by != bySubject || b.Handle != f.link.Handle || b.Consent != f.link.Seq || b.Commitment != f.commit {
		return errors.New("the confirmation is of something else")
	}
	f.confirmed = leaf.Time
	return nil
}

// end checks what ended the consent.
func (f *facts) end(pinned wallet.Ledger, e *Evidence) error {
	p := e.Ended
	if p == nil {
		return nil
	}
	how, ok := Ends(p.Message.Body, e.Consent.Message.Body)
	if !ok {
		return errors.New("the revocation is of something else")
	}
	leaf, by, err := f.signed(pinned, p)
	if err != nil {
		return err
	}
	f.ended, f.endedBy, f.endedHow = leaf.Time, by, how
	return nil
}

// Ends reports whether message b ends the consent that message given gave or entered, and how if not by revoking it. Nothing
// ends what was declined.
func Ends(b, given consent.Body) (how string, ok bool) {
	var l consent.Link
	switch given := given.(type) {
	case *consent.ConsentGrant:
		l = given.Link()
	case *consent.ConsentAttest:
		l = given.Link()
	default:
		return "", false
	}
	sb, ok := b.(consent.SubjectBody)
	if !ok || sb.Link().Handle != l.Handle || sb.Link().Seq <= l.Seq {
		return "", false
	}
	switch b := b.(type) {
	case *consent.ConsentRevoke:
		return "", b.Consent == l.Seq
	case *consent.RevokeAll:
		return "", true
	case *consent.ConsentGrant:
		return fmt.Sprintf("replaced by consent %d", b.Seq), b.Replaces == l.Seq
	case *consent.Erase:
		return "the subject was erased", true
	}
	return "", false
}

// admit runs the messages about members, and collects the custodian's keys.
func (f *facts) admit(members []consent.Message, pinned wallet.Ledger) (err error) {
	if len(members) == 0 {
		return errors.New("it does not say who the members are")
	}
	if f.roster, err = wallet.NewRoster(pinned, members[0]); err != nil {
		return err
	}
	f.keys = map[consent.Address]bool{}
	for _, m := range members[1:] {
		if err := f.roster.Add(m); err != nil {
			return err
		}
		if c, ok := f.roster.Member(f.custodian); ok {
			for _, k := range c.Keys {
				f.keys[k] = true
			}
		}
	}
	return nil
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
