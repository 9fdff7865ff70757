package consent

// Erase ends a subject for good: its private data is purged, and every later message is refused with code erased. What
// stays is public and says nothing about anybody. The subject signs it, or the custodian whom the law obliges.
type Erase struct {
	Handle SubjectID `json:"handle"`
	Seq    Uint64    `json:"seq"`
	Prev   Hash      `json:"prev"`
	Reason string    `json:"reason"` // request, retention or court
	Salt   Hash      `json:"salt"`
}

func (m *Erase) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *Erase) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *Erase) apply(c *change) error {
	if m.Reason != "request" && m.Reason != "retention" && m.Reason != "court" {
		return errorf(Malformed, "the reason of an erasure is request, retention or court")
	}
	if err := m.signer(c); err != nil {
		return err
	}
	for seq := Uint64(1); seq <= c.head.Seq; seq++ {
		if err := c.st.PurgePrivate(BodyKey(m.Handle, seq)); err != nil {
			return err
		}
	}
	h := c.head
	c.head = Head{
		State: Gone, Custodian: h.Custodian, Slot: h.Slot, Seq: h.Seq + 1, Prev: c.v.commitment, Time: c.event.Time,
		RevokedThrough: h.Seq + 1,
	}
	return c.put(HeadKey(m.Handle), c.head) // no private copy: it would be one more thing to purge
}

// signer takes the custodian's signature when no key is opened, so that a lost key is no obstacle to an erasure.
func (m *Erase) signer(c *change) error {
	if c.v.msg.Openings.KeySalt == nil {
		return c.byCustodian(c.head.Custodian)
	}
	return c.bySubject()
}
