package consent

import "slices"

// Scopes of a delegation.
const (
	ScopeGrant  = "grant"  // give and decline consents
	ScopeRevoke = "revoke" // revoke consents
	ScopeView   = "view"   // see consents and uses
)

// Delegate lets another key act for the subject: a proxy whom the patient names, or a guardian whom the custodian enters
// for a child that has no key yet. It ends at End or on the date of majority, whichever is first.
type Delegate struct {
	Handle   SubjectID `json:"handle"`
	Seq      Uint64    `json:"seq"`
	Prev     Hash      `json:"prev"`
	Delegate Address   `json:"delegate"`
	Kind     string    `json:"kind"` // proxy or guardian
	Scope    []string  `json:"scope"`
	Period   Period    `json:"period"`
	Majority Millis    `json:"majority"` // when the subject comes of age; 0 when not set
	Salt     Hash      `json:"salt"`
}

func (m *Delegate) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *Delegate) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

// Ends is the first instant at which the delegation no longer holds.
func (m *Delegate) Ends() Millis {
	if m.Majority != 0 && (m.Period.End == 0 || m.Majority < m.Period.End) {
		return m.Majority
	}
	return m.Period.End
}

// Holds reports whether the delegation gives scope at t.
func (m *Delegate) Holds(scope string, t Millis) bool {
	return slices.Contains(m.Scope, scope) && m.inForce(t)
}

func (m *Delegate) inForce(t Millis) bool {
	return m.Period.Contains(t) && (m.Majority == 0 || t < m.Majority)
}

func (m *Delegate) apply(c *change) error {
	if m.Ends() == 0 {
		return errorf(Malformed, "a delegation has an end or a date of majority")
	}
	if m.Delegate.IsZero() || len(m.Scope) == 0 || m.Majority < 0 {
		return errorf(Malformed, "a delegation names a key and a scope, and no time before 1970 for a majority")
	}
	if err := m.Period.check(); err != nil {
		return err
	}
	for _, s := range m.Scope {
		if s != ScopeGrant && s != ScopeRevoke && s != ScopeView {
			return errorf(Malformed, "there is no scope %q", s)
		}
	}
	if err := m.signer(c); err != nil {
		return err
	}
	e := Entry{Kind: "Delegate", Commitment: c.v.commitment, Status: Live}
	if err := c.put(DelegationKey(m.Handle, m.Seq), e); err != nil {
		return err
	}
	return c.advance()
}

// signer requires the custodian for a guardian of a subject without a key, the subject for everything else.
func (m *Delegate) signer(c *change) error {
	switch {
	case m.Kind == "guardian" && c.head.State == Opened:
		return c.byCustodian(c.head.Custodian)
	case m.Kind == "guardian" || m.Kind == "proxy":
		return c.bySubject()
	}
	return errorf(Malformed, "a delegate is a proxy or a guardian")
}

// DelegateEnd ends a delegation before its time. The subject signs it, the delegate herself, or, while the subject has no
// key, the custodian.
type DelegateEnd struct {
	Handle     SubjectID `json:"handle"`
	Seq        Uint64    `json:"seq"`
	Prev       Hash      `json:"prev"`
	Delegation Uint64    `json:"delegation"` // seq of the Delegate
	Salt       Hash      `json:"salt"`
}

func (m *DelegateEnd) salt() Hash { return m.Salt }

// Link implements SubjectBody.
func (m *DelegateEnd) Link() Link { return Link{m.Handle, m.Seq, m.Prev} }

func (m *DelegateEnd) apply(c *change) error {
	e, err := c.delegation(m.Delegation)
	if err != nil {
		return err
	}
	if err := m.signer(c, e); err != nil {
		return err
	}
	e.Status = Ended
	if err := c.put(DelegationKey(m.Handle, m.Delegation), e); err != nil {
		return err
	}
	return c.advance()
}

func (m *DelegateEnd) signer(c *change, e Entry) error {
	switch d := c.v.msg.Openings.Delegation; {
	case d != nil:
		return c.byDelegate(d, e)
	case c.head.State == Opened:
		return c.byCustodian(c.head.Custodian)
	}
	return c.bySubject()
}

// byDelegate requires that d is what e commits to and that its delegate signed.
func (c *change) byDelegate(d *Delegate, e Entry) error {
	if Commitment(d) != e.Commitment {
		return errorf(Unauthorized, "the opening is not this delegation's")
	}
	if len(c.v.signers) != 1 || c.v.signers[0] != d.Delegate {
		return errorf(BadSignature, "not signed by the delegate")
	}
	return nil
}

// delegation loads the entry of a delegation that has not been ended.
func (c *change) delegation(seq Uint64) (Entry, error) {
	var e Entry
	found, err := c.load(DelegationKey(c.event.Handle, seq), &e)
	switch {
	case err != nil:
		return Entry{}, err
	case !found:
		return Entry{}, errorf(NotFound, "there is no delegation %d", seq)
	case e.Status != Live:
		return Entry{}, errorf(WrongState, "delegation %d was ended", seq)
	}
	return e, nil
}

// bySubjectOr requires the subject's signature, or that of a delegate with every one of the scopes. For a delegate it
// returns when the delegation ends; for the subject zero.
func (c *change) bySubjectOr(scopes ...string) (Millis, error) {
	d := c.v.msg.Openings.Delegation
	if d == nil {
		return 0, c.bySubject()
	}
	if d.Handle != c.event.Handle {
		return 0, errorf(Unauthorized, "the delegation is for another subject")
	}
	e, err := c.delegation(d.Seq)
	if err != nil {
		return 0, err
	}
	if err := c.byDelegate(d, e); err != nil {
		return 0, err
	}
	if !d.inForce(c.tx.Time) {
		return 0, errorf(Expired, "the delegation is not in force at this time")
	}
	for _, s := range scopes {
		if !d.Holds(s, c.tx.Time) {
			return 0, errorf(Unauthorized, "the delegation does not cover this")
		}
	}
	return d.Ends(), nil
}
