package consent

import "slices"

// maxImportedSeq bounds the chain of an imported subject, since an erasure purges one private key for each place in it.
const maxImportedSeq = 1 << 20

// ImportedEntry is one consent or delegation of an imported subject.
type ImportedEntry struct {
	Seq        Uint64      `json:"seq"`
	Kind       string      `json:"kind"`
	Commitment Hash        `json:"commitment"`
	Status     EntryStatus `json:"status"`
	Confirmed  bool        `json:"confirmed"`
}

// Import brings a subject over from the ledger that the genesis names as the previous one. The authorities sign that head
// and entries are those of the previous ledger's last checkpoint; anybody with that ledger's leaves can check it. The
// subject goes on with the same key, and its chain goes on from the same commitment.
type Import struct {
	Handle         SubjectID       `json:"handle"`
	State          SubjectState    `json:"state"`
	Custodian      MemberID        `json:"custodian"`
	Slot           Uint64          `json:"slot"`
	Seq            Uint64          `json:"seq"`
	Prev           Hash            `json:"prev"`
	Time           Millis          `json:"time"`
	KeyCommit      Hash            `json:"keyCommit"`
	PendingCommit  Hash            `json:"pendingCommit"`
	GuardianCommit Hash            `json:"guardianCommit"`
	Deadline       Millis          `json:"deadline"`
	RevokedThrough Uint64          `json:"revokedThrough"`
	Entries        []ImportedEntry `json:"entries" limit:"256"`
	Salt           Hash            `json:"salt"`
}

func (m *Import) salt() Hash { return m.Salt }

func (m *Import) apply(c *change) error {
	if err := c.byAuthorities(); err != nil {
		return err
	}
	if c.genesis.Previous.Ledger.IsZero() {
		return errorf(WrongState, "this ledger continues no other")
	}
	if err := m.check(); err != nil {
		return err
	}
	if m.Time > c.event.Time {
		return errorf(Unavailable, "the host's clock is behind the imported head")
	}
	for _, key := range []string{HeadKey(m.Handle), SlotKey(m.Custodian, m.Slot)} {
		if b, err := c.st.Get(key); err != nil {
			return err
		} else if b != nil {
			return errorf(Exists, "the handle or the slot is taken")
		}
	}
	c.event.Handle, c.event.Seq = m.Handle, m.Seq
	for _, e := range m.Entries {
		key := EntryKey(m.Handle, e.Seq)
		if e.Kind == "Delegate" {
			key = DelegationKey(m.Handle, e.Seq)
		}
		if err := c.put(key, Entry{e.Kind, e.Commitment, e.Status, e.Confirmed}); err != nil {
			return err
		}
	}
	if err := c.put(SlotKey(m.Custodian, m.Slot), struct{ Handle SubjectID }{m.Handle}); err != nil {
		return err
	}
	return c.put(HeadKey(m.Handle), Head{
		m.State, m.Custodian, m.Slot, m.Seq, m.Prev, m.Time, m.KeyCommit, m.PendingCommit, m.GuardianCommit, m.Deadline,
		m.RevokedThrough,
	})
}

// check refuses a head that no sequence of messages makes.
func (m *Import) check() error {
	switch {
	case m.Handle.IsZero() || m.Prev.IsZero() || m.Seq == 0 || m.Seq > maxImportedSeq || m.RevokedThrough > m.Seq:
		return errorf(Malformed, "an imported head has a handle, a place in its chain, and 2^20 messages at most")
	case m.Time <= 0 || m.Time%minute != 0:
		return errorf(Malformed, "the time of an imported head is whole minutes")
	case !slices.Contains([]SubjectState{Opened, Active, Recovering, Gone}, m.State):
		return errorf(Malformed, "there is no subject state %q", m.State)
	case (m.State == Gone) != m.KeyCommit.IsZero() || (m.State == Recovering) == m.PendingCommit.IsZero():
		return errorf(Malformed, "an imported head has the commitments of its state")
	}
	return m.checkEntries()
}

func (m *Import) checkEntries() error {
	last := Uint64(0)
	for _, e := range m.Entries {
		if e.Seq <= last || e.Seq > m.Seq {
			return errorf(Malformed, "imported entries are in order and not beyond the head")
		}
		last = e.Seq
		if err := e.check(); err != nil {
			return err
		}
	}
	return nil
}

func (e ImportedEntry) check() error {
	switch {
	case !slices.Contains([]string{"ConsentGrant", "ConsentDecline", "ConsentAttest", "Delegate"}, e.Kind):
		return errorf(Malformed, "a %q leaves no entry", e.Kind)
	case !slices.Contains([]EntryStatus{Live, Revoked, Replaced, Ended}, e.Status):
		return errorf(Malformed, "there is no entry status %q", e.Status)
	case e.Commitment.IsZero() || e.Confirmed && e.Kind != "ConsentAttest":
		return errorf(Malformed, "an imported entry has a commitment, and only an attested consent is confirmed")
	}
	return nil
}
