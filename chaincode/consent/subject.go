package consent

// SubjectOpen opens a handle for a patient of a custodian. The custodian signs it; there is no key yet, only the
// commitment to a one-time enrolment code that the custodian hands to the person.
type SubjectOpen struct {
	Handle     SubjectID `json:"handle"`
	Custodian  MemberID  `json:"custodian"`
	Slot       Uint64    `json:"slot"` // this handle's place in the custodian's use-log slot tree; never reused
	CodeCommit Hash      `json:"codeCommit"`
	CodeUntil  Millis    `json:"codeUntil"`
	Salt       Hash      `json:"salt"`
}

func (m *SubjectOpen) salt() Hash { return m.Salt }

func (m *SubjectOpen) apply(c *change) error {
	if err := c.byCustodian(m.Custodian); err != nil {
		return err
	}
	if m.Handle.IsZero() || m.CodeCommit.IsZero() {
		return errorf(Malformed, "a subject has a handle and an enrolment code")
	}
	for _, key := range []string{HeadKey(m.Handle), SlotKey(m.Custodian, m.Slot)} {
		if b, err := c.st.Get(key); err != nil {
			return err
		} else if b != nil {
			return errorf(Exists, "the handle or the slot is taken")
		}
	}
	c.head = Head{
		State: Opened, Custodian: m.Custodian, Slot: m.Slot, KeyCommit: m.CodeCommit, Deadline: m.CodeUntil,
	}
	c.event.Handle, c.event.Seq = m.Handle, 1
	if err := c.put(SlotKey(m.Custodian, m.Slot), struct{ Handle SubjectID }{m.Handle}); err != nil {
		return err
	}
	return c.advance()
}

// SubjectCode replaces the enrolment code of a handle that nobody has claimed.
type SubjectCode struct {
	Handle     SubjectID `json:"handle"`
	Seq        Uint64    `json:"seq"`
	Prev       Hash      `json:"prev"`
	CodeCommit Hash      `json:"codeCommit"`
	CodeUntil  Millis    `json:"codeUntil"`
	Salt       Hash      `json:"salt"`
}

func (m *SubjectCode) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *SubjectCode) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *SubjectCode) apply(c *change) error {
	if c.head.State != Opened {
		return errorf(WrongState, "the handle is claimed already")
	}
	if err := c.byCustodian(c.head.Custodian); err != nil {
		return err
	}
	if m.CodeCommit.IsZero() {
		return errorf(Malformed, "the new code's commitment is missing")
	}
	c.head.KeyCommit, c.head.Deadline = m.CodeCommit, m.CodeUntil
	return c.advance()
}

// SubjectClaim makes a handle the patient's: she opens the enrolment code and registers her key, which signs. The code is
// spent by it.
type SubjectClaim struct {
	Handle         SubjectID `json:"handle"`
	Seq            Uint64    `json:"seq"`
	Prev           Hash      `json:"prev"`
	KeyCommit      Hash      `json:"keyCommit"`
	GuardianCommit Hash      `json:"guardianCommit"` // zero: no guardians yet
	Salt           Hash      `json:"salt"`
}

func (m *SubjectClaim) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *SubjectClaim) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *SubjectClaim) apply(c *change) error {
	o := c.v.msg.Openings
	switch {
	case c.head.State != Opened:
		return errorf(WrongState, "the handle is claimed already")
	case o.Code == nil || CodeCommitment(*o.Code) != c.head.KeyCommit:
		return errorf(Unauthorized, "the enrolment code does not open this handle")
	case c.head.Deadline != 0 && c.tx.Time >= c.head.Deadline:
		return errorf(Expired, "the enrolment code has expired; ask for a new one")
	}
	if err := c.byNewKey(0, m.KeyCommit); err != nil {
		return err
	}
	if len(c.v.signers) != 1 {
		return errorf(BadSignature, "a claim has one signature")
	}
	c.head.State, c.head.KeyCommit, c.head.GuardianCommit, c.head.Deadline = Active, m.KeyCommit, m.GuardianCommit, 0
	return c.advance()
}

// bySubject requires one signature, by the registered key.
func (c *change) bySubject() error {
	if len(c.v.signers) != 1 {
		return errorf(BadSignature, "this message has one signature, the subject's")
	}
	return c.subjectKey(c.v.signers[0])
}

// subjectKey requires that a is the registered key's address.
func (c *change) subjectKey(a Address) error {
	if c.head.State == Opened {
		return errorf(WrongState, "no key is registered for this handle yet")
	}
	salt := c.v.msg.Openings.KeySalt
	if salt == nil || KeyCommitment(*salt, a) != c.head.KeyCommit {
		return errorf(BadSignature, "not signed by the key that is registered for this handle")
	}
	return nil
}

// byNewKey requires that signer i holds the key that commit names.
func (c *change) byNewKey(i int, commit Hash) error {
	salt := c.v.msg.Openings.NewKeySalt
	if salt == nil || i >= len(c.v.signers) || KeyCommitment(*salt, c.v.signers[i]) != commit {
		return errorf(BadSignature, "the new key did not sign")
	}
	return nil
}
