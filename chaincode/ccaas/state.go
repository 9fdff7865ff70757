package ccaas

import (
	"errors"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// state reads Fabric's state for all messages of a batch together. Each read of the shim is a round trip to the peer, so
// the contract runs on what is known, and the keys that it missed are fetched in one go; then it runs again. That is
// allowed because a run changes nothing and depends on nothing but its arguments, and it takes microseconds.
type state struct {
	stub  Stub
	known map[string][]byte
}

// errMissed ends a run of the contract that needs a key which is not known yet.
var errMissed = errors.New("not read yet")

func (s *state) fetch(keys []string) error {
	values, err := s.stub.GetMultipleStates(keys...)
	if err != nil || len(values) != len(keys) {
		return consent.Errorf(consent.Unavailable, "read the state: %w", err)
	}
	for i, key := range keys {
		s.known[key] = nil
		if len(values[i]) > 0 {
			s.known[key] = values[i]
		}
	}
	return nil
}

// ledger is the id that the genesis gave this ledger, zero as long as there is none.
func (s *state) ledger() (consent.Hash, error) {
	b := s.known[consent.GenesisKey()]
	if b == nil {
		return consent.Hash{}, nil
	}
	var g consent.Genesis
	if err := consent.Decode(b, &g); err != nil {
		return consent.Hash{}, consent.Errorf(consent.Internal, "read the genesis: %w", err)
	}
	return g.Ledger, nil
}

// whole refuses everything while a closed ledger is being taken over: what is there so far is the past.
func (s *state) whole() error {
	b := s.known[wire.TakenKey]
	if b == nil {
		return nil
	}
	var t wire.Taken
	if err := consent.Decode(b, &t); err != nil {
		return consent.Errorf(consent.Internal, "read how far the ledger was taken over: %w", err)
	}
	if t.Size < t.Of {
		return consent.Errorf(consent.Unavailable, "the ledger is being taken over: %d leaves of %d", t.Size, t.Of)
	}
	return nil
}

// run applies the contract to every message that is not refused yet. It ends because every round knows more keys, and a
// message asks for few.
func (s *state) run(tx consent.Tx, entries []entry) error {
	waiting := make([]int, 0, len(entries))
	for i := range entries {
		if entries[i].err == nil {
			waiting = append(waiting, i)
		}
	}
	for len(waiting) > 0 {
		var missed []string
		asked, again := map[string]bool{}, waiting[:0]
		for _, i := range waiting {
			r := reader{state: s}
			e := &entries[i]
			e.out, e.err = consent.Run(tx, &r, e.v)
			e.reads = r.reads
			if r.missed == "" {
				continue
			}
			e.err = nil
			again = append(again, i)
			if !asked[r.missed] {
				asked[r.missed] = true
				missed = append(missed, r.missed)
			}
		}
		waiting = again
		if len(missed) == 0 {
			return nil
		}
		if err := s.fetch(missed); err != nil {
			return err
		}
	}
	return nil
}

// reader is one run's view: what is known, and the first key that is not.
type reader struct {
	*state

	reads  []string
	missed string
}

// Get implements consent.Reader.
func (r *reader) Get(key string) ([]byte, error) {
	r.reads = append(r.reads, key)
	value, ok := r.known[key]
	if !ok {
		if r.missed == "" {
			r.missed = key
		}
		return nil, errMissed
	}
	return value, nil
}
