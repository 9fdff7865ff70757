package consent

import "slices"

// Member is the public record of a member organisation. Wallets take the names of recipients from it and from nowhere
// else, because the authorities signed it.
type Member struct {
	ID        MemberID  `json:"id"`
	Seq       Uint64    `json:"seq"`
	Name      string    `json:"name"`
	Roles     []Role    `json:"roles"`
	Keys      []Address `json:"keys"` // keys that sign this member's ledger messages
	JWKS      string    `json:"jwks"` // RFC 7517 key set for private_key_jwt, as the member gave it
	URL       string    `json:"url"`
	Suspended bool      `json:"suspended"`
}

// Has reports whether the member has the role and is not suspended.
func (m Member) Has(r Role) bool { return !m.Suspended && slices.Contains(m.Roles, r) }

// MemberAdmit admits a member. Enough authorities sign it.
type MemberAdmit struct {
	Member MemberID  `json:"member"`
	Name   string    `json:"name"`
	Roles  []Role    `json:"roles"`
	Keys   []Address `json:"keys"`
	JWKS   string    `json:"jwks" limit:"8192"`
	URL    string    `json:"url"`
	Salt   Hash      `json:"salt"`
}

func (m *MemberAdmit) salt() Hash { return m.Salt }

func (m *MemberAdmit) apply(c *change) error {
	if err := c.byAuthorities(); err != nil {
		return err
	}
	var old Member
	if found, err := c.load(MemberKey(m.Member), &old); err != nil {
		return err
	} else if found {
		return errorf(Exists, "member %s is admitted already", m.Member)
	}
	return c.putMember(Member{ID: m.Member, Seq: 1, Name: m.Name, Roles: m.Roles, Keys: m.Keys, JWKS: m.JWKS, URL: m.URL})
}

// MemberUpdate replaces a member's name, roles and keys.
type MemberUpdate struct {
	Member MemberID  `json:"member"`
	Seq    Uint64    `json:"seq"` // one more than the member record's
	Name   string    `json:"name"`
	Roles  []Role    `json:"roles"`
	Keys   []Address `json:"keys"`
	JWKS   string    `json:"jwks" limit:"8192"`
	URL    string    `json:"url"`
	Salt   Hash      `json:"salt"`
}

func (m *MemberUpdate) salt() Hash { return m.Salt }

func (m *MemberUpdate) apply(c *change) error {
	old, err := c.memberAt(m.Member, m.Seq)
	if err != nil {
		return err
	}
	return c.putMember(Member{
		ID: m.Member, Seq: m.Seq, Name: m.Name, Roles: m.Roles, Keys: m.Keys, JWKS: m.JWKS, URL: m.URL,
		Suspended: old.Suspended,
	})
}

// MemberSuspend suspends a member or lifts the suspension. A suspended member can sign nothing and is given nothing;
// its subjects can still revoke.
type MemberSuspend struct {
	Member    MemberID `json:"member"`
	Seq       Uint64   `json:"seq"`
	Suspended bool     `json:"suspended"`
	Reason    string   `json:"reason"`
	Salt      Hash     `json:"salt"`
}

func (m *MemberSuspend) salt() Hash { return m.Salt }

func (m *MemberSuspend) apply(c *change) error {
	r, err := c.memberAt(m.Member, m.Seq)
	if err != nil {
		return err
	}
	r.Seq, r.Suspended = m.Seq, m.Suspended
	return c.putMember(r)
}

// memberAt loads a member for a change that the authorities signed and that carries the next seq.
func (c *change) memberAt(id MemberID, seq Uint64) (Member, error) {
	if err := c.byAuthorities(); err != nil {
		return Member{}, err
	}
	var r Member
	found, err := c.load(MemberKey(id), &r)
	switch {
	case err != nil:
		return Member{}, err
	case !found:
		return Member{}, errorf(NotFound, "there is no member %s", id)
	case seq != r.Seq+1:
		return Member{}, errorf(Conflict, "the member's record is at seq %d", r.Seq)
	}
	return r, nil
}

func (c *change) putMember(m Member) error {
	if m.Name == "" || len(m.Roles) == 0 || len(m.Keys) == 0 {
		return errorf(Malformed, "a member has a name, a role and a key")
	}
	for i, a := range m.Keys {
		if a.IsZero() || slices.Contains(m.Keys[:i], a) {
			return errorf(Malformed, "a member's key is missing or named twice")
		}
	}
	for i, r := range m.Roles {
		if !slices.Contains([]Role{Custodian, Clinician, Researcher, Auditor}, r) || slices.Contains(m.Roles[:i], r) {
			return errorf(Malformed, "role %q is unknown or named twice", r)
		}
	}
	c.event.Member, c.event.Seq = m.ID, m.Seq
	return c.put(MemberKey(m.ID), m)
}

// byCustodian requires one signature, by a key of a member that is a custodian.
func (c *change) byCustodian(id MemberID) error {
	var m Member
	found, err := c.load(MemberKey(id), &m)
	switch {
	case err != nil:
		return err
	case !found || !m.Has(Custodian):
		return errorf(Unauthorized, "%s is no custodian of this ledger", id)
	case len(c.v.signers) != 1 || !slices.Contains(m.Keys, c.v.signers[0]):
		return errorf(BadSignature, "not signed by a key of member %s", id)
	}
	return nil
}

// Anchor puts a use-log checkpoint of a custodian on the ledger, so that the log cannot show two histories.
type Anchor struct {
	Member MemberID `json:"member"`
	Origin string   `json:"origin"`
	Size   Uint64   `json:"size"`
	Root   Hash     `json:"root"`
	Salt   Hash     `json:"salt"`
}

func (m *Anchor) salt() Hash { return m.Salt }

func (m *Anchor) apply(c *change) error {
	if err := c.byCustodian(m.Member); err != nil {
		return err
	}
	if m.Origin == "" {
		return errorf(Malformed, "a use log has an origin")
	}
	var old Anchored
	found, err := c.load(AnchorKey(m.Member), &old)
	switch {
	case err != nil:
		return err
	case found && m.Origin != old.Origin:
		return errorf(Conflict, "the anchored use log has another origin")
	case m.Size < old.Size || found && m.Size == old.Size && m.Root != old.Root:
		return errorf(Conflict, "the anchored use log is at size %d: a log only grows", old.Size)
	}
	c.event.Member = m.Member
	return c.put(AnchorKey(m.Member), Anchored{m.Origin, m.Size, m.Root, c.event.Time})
}
