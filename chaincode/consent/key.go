package consent

import "slices"

// Guardians are people whom the patient trusts to bring her back when her key is lost: Threshold of them begin a recovery.
type Guardians struct {
	Addresses []Address `json:"addresses"`
	Threshold Uint64    `json:"threshold"`
	Salt      Hash      `json:"salt"`
}

// KeyRotate registers another key. The old key signs first, the new one second.
type KeyRotate struct {
	Handle    SubjectID `json:"handle"`
	Seq       Uint64    `json:"seq"`
	Prev      Hash      `json:"prev"`
	KeyCommit Hash      `json:"keyCommit"`
	Salt      Hash      `json:"salt"`
}

func (m *KeyRotate) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *KeyRotate) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *KeyRotate) apply(c *change) error {
	if len(c.v.signers) != 2 {
		return errorf(BadSignature, "a rotation is signed by the old key and then by the new one")
	}
	if err := c.subjectKey(c.v.signers[0]); err != nil {
		return err
	}
	if err := c.byNewKey(1, m.KeyCommit); err != nil {
		return err
	}
	// A rotation during a recovery ends it: who still has the old key needs no recovery.
	c.head.State, c.head.KeyCommit, c.head.PendingCommit, c.head.Deadline = Active, m.KeyCommit, Hash{}, 0
	return c.advance()
}

// GuardiansSet names the guardians, or removes them with a zero commitment.
type GuardiansSet struct {
	Handle         SubjectID `json:"handle"`
	Seq            Uint64    `json:"seq"`
	Prev           Hash      `json:"prev"`
	GuardianCommit Hash      `json:"guardianCommit"`
	Salt           Hash      `json:"salt"`
}

func (m *GuardiansSet) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *GuardiansSet) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *GuardiansSet) apply(c *change) error {
	if err := c.bySubject(); err != nil {
		return err
	}
	c.head.GuardianCommit = m.GuardianCommit
	return c.advance()
}

// RecoveryBegin starts to replace a lost key. Enough guardians sign it; the old key can veto until the delay is over.
// Guardians can begin again while a recovery is under way, with another new key and the whole delay anew: else a new key
// that was lost or mistyped would leave the subject without any.
type RecoveryBegin struct {
	Handle    SubjectID `json:"handle"`
	Seq       Uint64    `json:"seq"`
	Prev      Hash      `json:"prev"`
	KeyCommit Hash      `json:"keyCommit"` // of the new key
	Salt      Hash      `json:"salt"`
}

func (m *RecoveryBegin) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *RecoveryBegin) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *RecoveryBegin) apply(c *change) error {
	if c.head.State == Opened {
		return errorf(WrongState, "there is no key to recover yet")
	}
	if m.KeyCommit.IsZero() {
		return errorf(Malformed, "a recovery names a new key")
	}
	g := c.v.msg.Openings.Guardians
	if g == nil || c.head.GuardianCommit.IsZero() || GuardianCommitment(*g) != c.head.GuardianCommit {
		return errorf(Unauthorized, "these are not the subject's guardians")
	}
	for _, s := range c.v.signers {
		if !slices.Contains(g.Addresses, s) {
			return errorf(Unauthorized, "a signer is not a guardian")
		}
	}
	if g.Threshold == 0 || uint64(len(c.v.signers)) < uint64(g.Threshold) {
		return errorf(Unauthorized, "%d guardians signed, %d are needed", len(c.v.signers), g.Threshold)
	}
	c.head.State, c.head.PendingCommit = Recovering, m.KeyCommit
	c.head.Deadline = c.event.Time + minute + c.genesis.RecoveryDelay // the event's time is cut to the minute
	return c.advance()
}

// RecoveryVeto ends a recovery; the old key signs it.
type RecoveryVeto struct {
	Handle SubjectID `json:"handle"`
	Seq    Uint64    `json:"seq"`
	Prev   Hash      `json:"prev"`
	Salt   Hash      `json:"salt"`
}

func (m *RecoveryVeto) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *RecoveryVeto) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *RecoveryVeto) apply(c *change) error {
	if c.head.State != Recovering {
		return errorf(WrongState, "no recovery is under way")
	}
	if err := c.bySubject(); err != nil {
		return err
	}
	c.head.State, c.head.PendingCommit, c.head.Deadline = Active, Hash{}, 0
	return c.advance()
}

// RecoveryFinish registers the new key when the delay is over; the new key signs it.
type RecoveryFinish struct {
	Handle SubjectID `json:"handle"`
	Seq    Uint64    `json:"seq"`
	Prev   Hash      `json:"prev"`
	Salt   Hash      `json:"salt"`
}

func (m *RecoveryFinish) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *RecoveryFinish) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *RecoveryFinish) apply(c *change) error {
	switch {
	case c.head.State != Recovering:
		return errorf(WrongState, "no recovery is under way")
	case len(c.v.signers) != 1:
		return errorf(BadSignature, "the new key alone finishes a recovery")
	case c.tx.Time < c.head.Deadline:
		return errorf(TooEarly, "the old key can still veto this recovery")
	}
	if err := c.byNewKey(0, c.head.PendingCommit); err != nil {
		return err
	}
	c.head.State, c.head.KeyCommit = Active, c.head.PendingCommit
	c.head.PendingCommit, c.head.Deadline = Hash{}, 0
	return c.advance()
}
