package consent_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// as signs a body for the scene's subject as one of the signers of the transition table.
func (x *scene) as(name string, b consent.Body) consent.Message {
	x.t.Helper()
	for _, s := range signers {
		if s.name == name {
			return x.w.SignOpen(b, s.open(x), s.keys(x)...)
		}
	}
	x.t.Fatalf("there is no signer %s", name)
	return consent.Message{}
}

func (x *scene) head() (h consent.Head) {
	x.t.Helper()
	decode(x.t, x.st, consent.HeadKey(x.s.Handle), &h)
	return h
}

// TestScopes: a delegate can do what her scope says, and replacing a consent takes both scopes.
func TestScopes(t *testing.T) {
	cases := []struct {
		scope                         []string
		grant, decline, revoke, takes bool // takes: replaces one consent by another
	}{
		{[]string{consent.ScopeGrant}, true, true, false, false},
		{[]string{consent.ScopeRevoke}, false, false, true, false},
		{[]string{consent.ScopeView}, false, false, false, false},
		{[]string{consent.ScopeGrant, consent.ScopeRevoke}, true, true, true, true},
	}
	for _, c := range cases {
		x := newScene(t, "active")
		d := x.delegate("proxy")
		d.Scope = c.scope
		x.did(x.s, x.s.Sign(d))
		replace := x.body("ConsentGrant").(*consent.ConsentGrant)
		replace.Replaces = x.grant
		for name, try := range map[string]struct {
			body consent.Body
			ok   bool
		}{
			"grant": {x.body("ConsentGrant"), c.grant}, "decline": {x.body("ConsentDecline"), c.decline},
			"revoke": {x.body("ConsentRevoke"), c.revoke}, "revoke all": {x.body("RevokeAll"), c.revoke}, "replace": {replace, c.takes},
		} {
			v, err := consent.Verify(x.w.Ledger, x.as("delegate", try.body))
			if err != nil {
				t.Fatal(err)
			}
			_, err = consent.Run(consent.Tx{ID: "try", Time: x.w.Now}, x.st, v)
			if (err == nil) != try.ok || err != nil && consent.CodeOf(err) != consent.Unauthorized {
				t.Errorf("scope %v, %s: %v, want accepted %v", c.scope, name, err, try.ok)
			}
		}
	}
}

func TestDelegateForm(t *testing.T) {
	bad := map[string]func(*consent.Delegate){
		"no end":            func(d *consent.Delegate) { d.Period.End, d.Majority = 0, 0 },
		"no key":            func(d *consent.Delegate) { d.Delegate = consent.Address{} },
		"no scope":          func(d *consent.Delegate) { d.Scope = nil },
		"unknown scope":     func(d *consent.Delegate) { d.Scope = []string{"erase"} },
		"unknown kind":      func(d *consent.Delegate) { d.Kind = "friend" },
		"ends first":        func(d *consent.Delegate) { d.Period.End = d.Period.Start - 1 },
		"negative majority": func(d *consent.Delegate) { d.Majority = -1 },
	}
	for name, change := range bad {
		x := newScene(t, "active")
		d := x.body("Delegate").(*consent.Delegate)
		change(d)
		t.Log(name)
		x.refuse(consent.Malformed, x.as("subject", d))
	}
}

// TestDelegationLimits walks the edges of a delegation's time and of what a delegate's consent may outlive.
func TestDelegationLimits(t *testing.T) {
	x := newScene(t, "opened") // the custodian's guardian for a child; majority comes before the period's end
	majority := x.delegation.Majority
	grant := func(end consent.Millis) consent.Message {
		g := x.body("ConsentGrant").(*consent.ConsentGrant)
		g.Consent.Period.End = end
		return x.as("delegate", g)
	}
	x.refuse(consent.Unauthorized, grant(0))
	x.refuse(consent.Unauthorized, grant(majority+1))
	x.did(x.s, grant(majority))
	x.w.Now = x.delegation.Period.Start - 60_000
	x.refuse(consent.Unavailable, grant(majority)) // the host's clock went back
	x.w.Now = majority - 1
	x.did(x.s, grant(majority))
	x.w.Now = majority
	x.refuse(consent.Expired, grant(majority))
	x.refuse(consent.Expired, x.as("delegate", x.body("RevokeAll")))
	x.did(x.s, x.as("delegate", x.body("DelegateEnd"))) // who wants to go may, at any time
	x.refuse(consent.WrongState, grant(majority))
	x.refuse(consent.WrongState, x.as("delegate", x.body("DelegateEnd")))
}

func TestForeignOpenings(t *testing.T) {
	x := newScene(t, "active")
	other := newSceneOf(t, "another subject", "active")
	forged := *x.delegation
	forged.Delegate = mallory.Address()
	for name, c := range map[string]struct {
		o    consent.Openings
		key  sig.Key
		code consent.Code
	}{
		"another subject's delegation": {consent.Openings{Delegation: other.delegation}, mother, consent.Unauthorized},
		"a forged delegate":            {consent.Openings{Delegation: &forged}, mallory, consent.Unauthorized},
		"the wrong delegate":           {consent.Openings{Delegation: x.delegation}, mallory, consent.BadSignature},
		"another salt":                 {consent.Openings{KeySalt: &other.s.KeySalt}, x.s.Key, consent.BadSignature},
		"another's key":                {consent.Openings{KeySalt: &x.s.KeySalt}, other.s.Key, consent.BadSignature},
	} {
		t.Log(name)
		x.refuse(c.code, x.w.SignOpen(x.body("RevokeAll"), c.o, c.key))
	}
	missing := *x.delegation
	missing.Seq = 77
	x.refuse(consent.NotFound, x.w.SignOpen(x.body("RevokeAll"), consent.Openings{Delegation: &missing}, mother))
	x.refuse(consent.NotFound, x.as("subject", &consent.DelegateEnd{
		Handle: x.s.Handle, Seq: x.s.Seq + 1, Prev: x.s.Prev, Delegation: x.grant, Salt: x.w.Rand.Hash(), // a consent is no delegation
	}))
	loose := x.guardians
	loose.Threshold = 1
	x.refuse(consent.Unauthorized, x.w.SignOpen(x.body("RecoveryBegin"), consent.Openings{Guardians: &loose}, ben))
}

func TestChain(t *testing.T) {
	x := newScene(t, "active")
	for name, change := range map[string]func(*consent.RevokeAll){
		"seq again":    func(m *consent.RevokeAll) { m.Seq-- },
		"seq gap":      func(m *consent.RevokeAll) { m.Seq++ },
		"seq 0":        func(m *consent.RevokeAll) { m.Seq = 0 },
		"another prev": func(m *consent.RevokeAll) { m.Prev[0] ^= 1 },
		"no prev":      func(m *consent.RevokeAll) { m.Prev = consent.Hash{} },
	} {
		m := x.body("RevokeAll").(*consent.RevokeAll)
		change(m)
		t.Log(name)
		x.refuse(consent.Conflict, x.as("subject", m))
	}
	unknown := x.body("RevokeAll").(*consent.RevokeAll)
	unknown.Handle[0] ^= 1
	x.refuse(consent.NotFound, x.as("subject", unknown))
	before := x.head()
	x.did(x.s, x.as("subject", x.body("RevokeAll")))
	after := x.head()
	if after.Seq != before.Seq+1 || after.RevokedThrough != after.Seq {
		t.Fatalf("head %+v after revoking all", after)
	}
	x.refuse(consent.WrongState, x.as("subject", x.body("ConsentRevoke")))
	x.refuse(consent.WrongState, x.as("subject", x.body("ConsentConfirm")))
}

// TestRecoveryTimes: the delay is over when it is over, a rotation ends a recovery, and guardians can begin again.
func TestRecoveryTimes(t *testing.T) {
	x := newScene(t, "recovering")
	h := x.head()
	if least := consenttest.Start + 3*day; h.Deadline < least || h.Deadline > least+60_000 {
		t.Fatalf("deadline %d, want the delay and a minute at most more than %d", h.Deadline, least)
	}
	x.w.Now = h.Deadline - 1
	x.refuse(consent.TooEarly, x.as("new-key", x.body("RecoveryFinish")))
	x.did(x.s, x.as("guardians", x.body("RecoveryBegin"))) // the whole delay anew
	if again := x.head(); again.Deadline < x.w.Now+3*day || again.State != consent.Recovering {
		t.Fatalf("head %+v after beginning again", again)
	}
	x.w.Now = h.Deadline
	x.refuse(consent.TooEarly, x.as("new-key", x.body("RecoveryFinish")))
	x.did(x.s, x.as("subject", x.body("ConsentGrant"))) // the old key still works
	x.did(x.s, x.as("old-and-new", x.body("KeyRotate")))
	if h := x.head(); h.State != consent.Active || h.Deadline != 0 || !h.PendingCommit.IsZero() {
		t.Fatalf("head %+v: a rotation ends the recovery", h)
	}
	x.w.Now += 9 * day
	x.refuse(consent.WrongState, x.as("new-key", x.body("RecoveryFinish")))
	x.refuse(consent.WrongState, x.as("subject", x.body("RecoveryVeto")))

	y := newScene(t, "recovering")
	y.w.Now = y.head().Deadline
	y.did(y.s, y.as("new-key", y.body("RecoveryFinish")))
	y.refuse(consent.BadSignature, y.as("subject", y.body("RevokeAll"))) // the lost key
	y.s.Key, y.s.KeySalt = fresh, y.freshSalt
	y.did(y.s, y.as("subject", y.body("RevokeAll")))

	z := newScene(t, "active")
	none := z.body("RecoveryBegin").(*consent.RecoveryBegin)
	none.KeyCommit = consent.Hash{}
	z.refuse(consent.Malformed, z.as("guardians", none))
	remove := z.body("GuardiansSet").(*consent.GuardiansSet)
	remove.GuardianCommit = consent.Hash{}
	z.did(z.s, z.as("subject", remove))
	z.refuse(consent.Unauthorized, z.as("guardians", z.body("RecoveryBegin")))
}

func TestOpenAndClaim(t *testing.T) {
	x := newScene(t, "opened")
	for name, c := range map[string]struct {
		code   consent.Code
		change func(*consent.SubjectOpen)
	}{
		"no handle":         {consent.Malformed, func(m *consent.SubjectOpen) { m.Handle = consent.SubjectID{} }},
		"no code":           {consent.Malformed, func(m *consent.SubjectOpen) { m.CodeCommit = consent.Hash{} }},
		"the handle":        {consent.Exists, func(m *consent.SubjectOpen) { m.Handle = x.s.Handle }},
		"the slot":          {consent.Exists, func(m *consent.SubjectOpen) { m.Slot = x.s.Slot }},
		"a strange member":  {consent.Unauthorized, func(m *consent.SubjectOpen) { m.Custodian = "nobody" }},
		"another custodian": {consent.Unauthorized, func(m *consent.SubjectOpen) { m.Custodian = consenttest.BobPractice }},
		"no member id":      {consent.Malformed, func(m *consent.SubjectOpen) { m.Custodian = "" }},
	} {
		m := x.body("SubjectOpen").(*consent.SubjectOpen)
		c.change(m)
		t.Log(name)
		x.refuse(c.code, x.as("custodian", m))
	}
	claim := x.as("code", x.body("SubjectClaim"))
	x.w.Now = x.head().Deadline
	x.refuse(consent.Expired, claim)
	x.w.Now--
	x.did(x.s, claim)
	if h := x.head(); h.State != consent.Active || h.Deadline != 0 || h.KeyCommit != consent.KeyCommitment(x.freshSalt, fresh.Address()) {
		t.Fatalf("head %+v after the claim", h)
	}
	x.s.Key, x.s.KeySalt = fresh, x.freshSalt
	x.did(x.s, x.as("delegate", x.body("ConsentGrant"))) // the guardian stays until she or the subject ends it
	x.did(x.s, x.as("subject", x.body("DelegateEnd")))
	x.refuse(consent.WrongState, x.as("delegate", x.body("ConsentGrant")))
}

// TestErase: whoever erases, the head says nothing any more and every private copy is purged.
func TestErase(t *testing.T) {
	for _, who := range []string{"subject", "custodian"} {
		x := newScene(t, "recovering")
		bad := x.body("Erase").(*consent.Erase)
		bad.Reason = "whim"
		x.refuse(consent.Malformed, x.as(who, bad))
		if n := len(x.st.Private("body/")); n != int(x.s.Seq) {
			t.Fatalf("%d private bodies, want %d", n, x.s.Seq)
		}
		x.did(x.s, x.as(who, x.body("Erase")))
		h := x.head()
		want := consent.Head{
			State: consent.Gone, Custodian: consenttest.CityHospital, Slot: h.Slot, Seq: x.s.Seq, Prev: x.s.Prev, Time: x.w.Now,
			RevokedThrough: x.s.Seq,
		}
		if h != want {
			t.Fatalf("head %+v, want %+v", h, want)
		}
		if left := x.st.Private(""); len(left) != 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
}
