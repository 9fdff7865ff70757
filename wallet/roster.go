package wallet

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// ErrRoster says that a message may not speak of members: it is of another kind or another ledger.
var ErrRoster = errors.New("not a message about this ledger's authorities and members")

// Roster keeps who the members of a ledger are, from the messages that the ledger's authorities signed: genesis,
// changes of the authorities, admissions, updates, suspensions, and the ledger's moves to other hosts. It runs the contract's own rules on them, so nobody but
// the authorities can give a recipient its name, whoever serves the messages. A server can still leave the newest out:
// then a wallet sees an older name, never an invented one.
type Roster struct {
	ledger consent.Hash
	state  publicState
	count  int
}

// NewRoster begins with the genesis of a pinned ledger; any other is ErrPinned.
func NewRoster(pinned Ledger, genesis consent.Message) (*Roster, error) {
	g, isInit := genesis.Body.(*consent.Init)
	if !isInit {
		return nil, fmt.Errorf("%w: the first is a genesis", ErrRoster)
	}
	if consent.LedgerID(g) != pinned.ID || consent.Commitment(g) != pinned.Genesis {
		return nil, ErrPinned
	}
	r := &Roster{ledger: pinned.ID, state: publicState{}}
	if err := r.apply(genesis); err != nil {
		return nil, err
	}
	return r, nil
}

// Add takes the next message. Messages come in the ledger's order; those about subjects are ErrRoster.
func (r *Roster) Add(m consent.Message) error {
	switch m.Body.(type) {
	case *consent.AuthorityChange, *consent.Close, *consent.Import, *consent.MemberAdmit, *consent.MemberUpdate, *consent.MemberSuspend:
		return r.apply(m)
	default:
		return ErrRoster
	}
}

// Member looks a member up; it serves as Names.Member.
func (r *Roster) Member(id consent.MemberID) (consent.Member, bool) {
	b := r.state[consent.MemberKey(id)]
	if b == nil {
		return consent.Member{}, false
	}
	var m consent.Member
	if err := consent.Decode(b, &m); err != nil {
		return consent.Member{}, false
	}
	return m, true
}

func (r *Roster) apply(m consent.Message) error {
	v, err := consent.Verify(r.ledger, m)
	if err != nil {
		return fmt.Errorf("read the members: %w", err)
	}
	r.count++
	// The rules about members do not look at the time; the contract only wants one.
	tx := consent.Tx{ID: strconv.Itoa(r.count), Time: 1}
	if i, ok := m.Body.(*consent.Import); ok { // which log it was is for hosts to check: it changes no name
		tx.Log = consent.Tree{Size: i.Size, Root: i.Root}
	}
	out, err := consent.Run(tx, r.state, v)
	if err != nil {
		return fmt.Errorf("read the members: %w", err)
	}
	for _, w := range out.Leaf.Writes {
		r.state[w.Key] = w.Value
	}
	return nil
}

// publicState is the contract's public state in memory.
type publicState map[string][]byte

// Get implements consent.Reader.
func (s publicState) Get(key string) ([]byte, error) { return s[key], nil }
