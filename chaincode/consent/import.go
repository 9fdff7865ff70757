package consent

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
	for _, key := range []string{HeadKey(m.Handle), SlotKey(m.Custodian, m.Slot)} {
		if b, err := c.st.Get(key); err != nil {
			return err
		} else if b != nil {
			return errorf(Exists, "the handle or the slot is taken")
		}
	}
	c.event.Handle, c.event.Seq = m.Handle, m.Seq
	for i, e := range m.Entries {
		if e.Seq > m.Seq || i > 0 && m.Entries[i-1].Seq >= e.Seq {
			return errorf(Malformed, "imported entries are in order and not beyond the head")
		}
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
