package consent

import "slices"

// Authority is one of those who admit members.
type Authority struct {
	Name    string  `json:"name"`
	Address Address `json:"address"`
}

// maxRecoveryDelay is a year of 366 days.
const maxRecoveryDelay = Millis(366 * 24 * 3600 * 1000)

// Init is the genesis: the first message of a ledger and the only one it is made of. It is signed by at least Threshold
// of its authorities.
type Init struct {
	Name          string      `json:"name"`
	Authorities   []Authority `json:"authorities"`
	Threshold     Uint64      `json:"threshold"`
	RecoveryDelay Millis      `json:"recoveryDelay"` // how long the old key can veto a recovery
	Salt          Hash        `json:"salt"`
}

func (m *Init) salt() Hash { return m.Salt }

func (m *Init) apply(c *change) error {
	c.genesis = Genesis{
		Ledger: LedgerID(m), Name: m.Name, Seq: 1, Authorities: m.Authorities, Threshold: m.Threshold,
		RecoveryDelay: m.RecoveryDelay,
	}
	if err := checkAuthorities(m.Authorities, m.Threshold); err != nil {
		return err
	}
	if m.RecoveryDelay < 0 || m.RecoveryDelay > maxRecoveryDelay {
		return errorf(Malformed, "a recovery delay is from nothing to 366 days")
	}
	if err := c.byAuthorities(); err != nil {
		return err
	}
	c.event.Seq = 1
	return c.put(genesisKey, c.genesis)
}

// AuthorityChange replaces the authorities and their threshold. The present ones sign it.
type AuthorityChange struct {
	Seq         Uint64      `json:"seq"` // one more than the genesis record's
	Authorities []Authority `json:"authorities"`
	Threshold   Uint64      `json:"threshold"`
	Salt        Hash        `json:"salt"`
}

func (m *AuthorityChange) salt() Hash { return m.Salt }

func (m *AuthorityChange) apply(c *change) error {
	if err := c.byAuthoritiesAt(m.Seq); err != nil {
		return err
	}
	if err := checkAuthorities(m.Authorities, m.Threshold); err != nil {
		return err
	}
	c.genesis.Seq, c.genesis.Authorities, c.genesis.Threshold = m.Seq, m.Authorities, m.Threshold
	c.event.Seq = m.Seq
	return c.put(genesisKey, c.genesis)
}

// Close stops the ledger: nothing is accepted after it, until another host has taken the ledger over (Import).
type Close struct {
	Seq  Uint64 `json:"seq"` // one more than the genesis record's
	Salt Hash   `json:"salt"`
}

func (m *Close) salt() Hash { return m.Salt }

func (m *Close) apply(c *change) error {
	if err := c.byAuthoritiesAt(m.Seq); err != nil {
		return err
	}
	c.genesis.Seq, c.genesis.Closed = m.Seq, true
	c.event.Seq = m.Seq
	return c.put(genesisKey, c.genesis)
}

func checkAuthorities(as []Authority, threshold Uint64) error {
	if len(as) == 0 || threshold == 0 || uint64(threshold) > uint64(len(as)) {
		return errorf(Malformed, "the threshold is from 1 to the number of authorities")
	}
	for i, a := range as {
		if a.Address.IsZero() || a.Name == "" {
			return errorf(Malformed, "an authority has a name and an address")
		}
		if slices.ContainsFunc(as[:i], func(b Authority) bool { return a.Address == b.Address }) {
			return errorf(Malformed, "an authority is named twice")
		}
	}
	return nil
}

// byAuthoritiesAt requires authorities' signatures, and that seq is the next of their record.
func (c *change) byAuthoritiesAt(seq Uint64) error {
	if err := c.byAuthorities(); err != nil {
		return err
	}
	if seq != c.genesis.Seq+1 {
		return errorf(Conflict, "the authorities' record is at seq %d", c.genesis.Seq)
	}
	return nil
}

// byAuthorities requires that every signer is an authority and that there are enough of them.
func (c *change) byAuthorities() error {
	for _, s := range c.v.signers {
		if !slices.ContainsFunc(c.genesis.Authorities, func(a Authority) bool { return a.Address == s }) {
			return errorf(Unauthorized, "a signer is not an authority of this ledger")
		}
	}
	if uint64(len(c.v.signers)) < uint64(c.genesis.Threshold) {
		return errorf(Unauthorized, "%d of %d authorities signed, %d are needed",
			len(c.v.signers), len(c.genesis.Authorities), c.genesis.Threshold)
	}
	return nil
}
