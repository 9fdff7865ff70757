package consent

// ConsentGrant gives a consent. The subject signs it, or a delegate whose Delegate is opened and has scope "grant", and
// scope "revoke" too when the grant replaces a consent.
type ConsentGrant struct {
	Handle   SubjectID `json:"handle"`
	Seq      Uint64    `json:"seq"`
	Prev     Hash      `json:"prev"`
	Request  Hash      `json:"request"`  // digest of the request that it answers; zero when nobody asked
	Replaces Uint64    `json:"replaces"` // seq of the consent that this one takes the place of, without a gap; 0 for none
	Consent  Consent   `json:"consent"`
	Salt     Hash      `json:"salt"`
}

func (m *ConsentGrant) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *ConsentGrant) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *ConsentGrant) apply(c *change) error {
	scopes := []string{ScopeGrant}
	if m.Replaces != 0 {
		scopes = append(scopes, ScopeRevoke)
	}
	limit, err := c.bySubjectOr(scopes...)
	if err != nil {
		return err
	}
	// A delegate's consent may not outlive the delegation: its end is set and not after the delegation's.
	if limit != 0 && (m.Consent.Period.End == 0 || m.Consent.Period.End > limit) {
		return errorf(Unauthorized, "a consent given by a delegate ends no later than the delegation")
	}
	if m.Replaces != 0 {
		if err := c.endEntry(m.Replaces, Replaced); err != nil {
			return err
		}
	}
	return c.record(Entry{Kind: "ConsentGrant", Status: Live})
}

// ConsentDecline records that the person was asked and said no. Consent is what was asked for.
type ConsentDecline struct {
	Handle  SubjectID `json:"handle"`
	Seq     Uint64    `json:"seq"`
	Prev    Hash      `json:"prev"`
	Request Hash      `json:"request"`
	Consent Consent   `json:"consent"`
	Salt    Hash      `json:"salt"`
}

func (m *ConsentDecline) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *ConsentDecline) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *ConsentDecline) apply(c *change) error {
	if _, err := c.bySubjectOr(ScopeGrant); err != nil {
		return err
	}
	return c.record(Entry{Kind: "ConsentDecline", Status: Ended})
}

// ConsentAttest enters a consent that the patient did not sign here: a paper form, an imported record. The custodian
// signs for it. It is never shown as signed by the patient, who can confirm or revoke it.
type ConsentAttest struct {
	Handle   SubjectID `json:"handle"`
	Seq      Uint64    `json:"seq"`
	Prev     Hash      `json:"prev"`
	Evidence Hash      `json:"evidence"` // SHA-256 of the document that the custodian holds
	Consent  Consent   `json:"consent"`
	Salt     Hash      `json:"salt"`
}

func (m *ConsentAttest) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *ConsentAttest) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *ConsentAttest) apply(c *change) error {
	if err := c.byCustodian(c.head.Custodian); err != nil {
		return err
	}
	return c.record(Entry{Kind: "ConsentAttest", Status: Live})
}

// ConsentConfirm makes an attested consent the patient's own.
type ConsentConfirm struct {
	Handle     SubjectID `json:"handle"`
	Seq        Uint64    `json:"seq"`
	Prev       Hash      `json:"prev"`
	Consent    Uint64    `json:"consent"`    // seq of the ConsentAttest
	Commitment Hash      `json:"commitment"` // of the ConsentAttest, so that the wallet signs what it read
	Salt       Hash      `json:"salt"`
}

func (m *ConsentConfirm) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *ConsentConfirm) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *ConsentConfirm) apply(c *change) error {
	if err := c.bySubject(); err != nil {
		return err
	}
	e, err := c.liveEntry(m.Consent)
	switch {
	case err != nil:
		return err
	case e.Kind != "ConsentAttest" || e.Confirmed:
		return errorf(WrongState, "only an attested consent can be confirmed, and once")
	case e.Commitment != m.Commitment:
		return errorf(Conflict, "this is not the consent that was attested")
	}
	e.Confirmed = true
	if err := c.put(EntryKey(m.Handle, m.Consent), e); err != nil {
		return err
	}
	return c.advance()
}

// ConsentRevoke ends one consent. The subject signs it, or a delegate with scope "revoke". The custodian signs it, without any
// opening, for what it attested itself and the subject has not confirmed: a form that was withdrawn or entered wrongly.
type ConsentRevoke struct {
	Handle  SubjectID `json:"handle"`
	Seq     Uint64    `json:"seq"`
	Prev    Hash      `json:"prev"`
	Consent Uint64    `json:"consent"` // seq of the consent
	Salt    Hash      `json:"salt"`
}

func (m *ConsentRevoke) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *ConsentRevoke) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *ConsentRevoke) apply(c *change) error {
	if !c.withdrawn(m.Consent) {
		if _, err := c.bySubjectOr(ScopeRevoke); err != nil {
			return err
		}
	}
	if err := c.endEntry(m.Consent, Revoked); err != nil {
		return err
	}
	return c.advance()
}

// RevokeAll ends every consent of the handle at once, by one public key: consents up to this message's seq are revoked.
type RevokeAll struct {
	Handle SubjectID `json:"handle"`
	Seq    Uint64    `json:"seq"`
	Prev   Hash      `json:"prev"`
	Salt   Hash      `json:"salt"`
}

func (m *RevokeAll) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *RevokeAll) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *RevokeAll) apply(c *change) error {
	if _, err := c.bySubjectOr(ScopeRevoke); err != nil {
		return err
	}
	c.head.RevokedThrough = m.Seq
	return c.advance()
}

// withdrawn reports whether the custodian, and nobody else, takes back what it attested and nobody has confirmed.
func (c *change) withdrawn(seq Uint64) bool {
	if c.v.msg.Openings != (Openings{}) {
		return false
	}
	e, err := c.liveEntry(seq)
	return err == nil && e.Kind == "ConsentAttest" && !e.Confirmed && c.byCustodian(c.head.Custodian) == nil
}

// record writes the public entry of the consent that this message makes.
func (c *change) record(e Entry) error {
	e.Commitment = c.v.commitment
	if err := c.put(EntryKey(c.event.Handle, c.event.Seq), e); err != nil {
		return err
	}
	return c.advance()
}

// liveEntry loads the entry of a consent that is neither revoked nor replaced.
func (c *change) liveEntry(seq Uint64) (Entry, error) {
	var e Entry
	found, err := c.load(EntryKey(c.event.Handle, seq), &e)
	switch {
	case err != nil:
		return Entry{}, err
	case !found:
		return Entry{}, errorf(NotFound, "there is no consent %d", seq)
	case e.Status != Live || seq <= c.head.RevokedThrough:
		return Entry{}, errorf(WrongState, "consent %d is not in force", seq)
	}
	return e, nil
}

func (c *change) endEntry(seq Uint64, s EntryStatus) error {
	e, err := c.liveEntry(seq)
	if err != nil {
		return err
	}
	e.Status = s
	return c.put(EntryKey(c.event.Handle, seq), e)
}
