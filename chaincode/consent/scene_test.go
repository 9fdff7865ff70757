package consent_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

const day = consent.Millis(24 * 3600 * 1000)

var (
	hospital  = consenttest.Persona(string(consenttest.CityHospital))
	trust     = consenttest.Persona("trust")
	regulator = consenttest.Persona("regulator")
	ben       = consenttest.Persona("ben")
	cara      = consenttest.Persona("cara")
	mother    = consenttest.Persona("mother")
	fresh     = consenttest.Persona("alice-new")
	mallory   = consenttest.Persona("mallory")
)

// scene is one subject in one state, with everything in place that a message could refer to.
type scene struct {
	*ledger
	s          *consenttest.Subject
	freshSalt  consent.Hash
	guardians  consent.Guardians
	delegation *consent.Delegate
	attested   consent.Hash   // commitment of the attested consent
	attest     consent.Uint64 // its seq
	grant      consent.Uint64 // seq of a live grant
	record     consent.Uint64 // next seq of the hospital's member record
}

// The states of the transition table. Suspended is an active subject whose custodian is suspended; closed is an active
// subject on a closed ledger.
var states = []string{"none", "opened", "active", "recovering", "erased", "suspended", "closed"}

func newScene(t *testing.T, state string) *scene {
	t.Helper()
	return newSceneOf(t, t.Name(), state)
}

func newSceneOf(t *testing.T, seed, state string) *scene {
	t.Helper()
	return newSceneOn(newLedgerOf(t, seed), state)
}

// newSceneOn makes a subject on a ledger that may have others.
func newSceneOn(l *ledger, state string) *scene {
	l.t.Helper()
	x := &scene{ledger: l, record: 2}
	x.freshSalt = x.w.Rand.Hash()
	x.guardians = consent.Guardians{
		Addresses: []consent.Address{ben.Address(), cara.Address(), consenttest.Persona("dan").Address()}, Threshold: 2, Salt: x.w.Rand.Hash(),
	}
	x.must(x.w.Sign(&consent.Anchor{Member: consenttest.CityHospital, Origin: "log", Size: 9, Salt: x.w.Rand.Hash()}, hospital))
	s, open := x.w.Open()
	x.s = s
	if state == "none" {
		x.delegation = x.delegate("guardian")
		return x
	}
	x.must(open)
	if state == "opened" {
		x.did(s, x.w.Sign(x.delegate("guardian"), hospital))
	} else {
		x.did(s, s.Claim())
		x.did(s, s.Sign(x.delegate("proxy")))
	}
	x.attest = s.Seq + 1
	attest := x.body("ConsentAttest")
	x.attested = consent.Commitment(attest)
	x.did(s, x.w.Sign(attest, hospital))
	x.grant = s.Seq + 1
	x.did(s, x.w.SignOpen(x.body("ConsentGrant"), consent.Openings{Delegation: x.delegation}, mother))
	x.enter(state)
	return x
}

func (x *scene) enter(state string) {
	x.t.Helper()
	if state != "opened" {
		x.did(x.s, x.s.Sign(x.body("GuardiansSet")))
	}
	switch state {
	case "recovering":
		x.did(x.s, x.w.SignOpen(x.body("RecoveryBegin"), consent.Openings{Guardians: &x.guardians}, ben, cara))
		x.w.Now += 4 * day
	case "erased":
		x.did(x.s, x.s.Erase())
	case "suspended":
		x.must(x.w.Sign(x.body("MemberSuspend"), trust, regulator))
		x.record++
	case "closed":
		x.must(x.w.Sign(x.body("Close"), trust, regulator))
	}
}

// delegate makes the scene's delegation: to the mother, of every scope.
func (x *scene) delegate(kind string) *consent.Delegate {
	k := x.s.Link()
	x.delegation = &consent.Delegate{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Delegate: mother.Address(), Kind: kind,
		Scope:  []string{consent.ScopeGrant, consent.ScopeRevoke, consent.ScopeView},
		Period: consent.Period{Start: consenttest.Start, End: consenttest.Start + 90*day}, Majority: consenttest.Start + 80*day, Salt: x.w.Rand.Hash(),
	}
	return x.delegation
}

// terms are a consent that a delegate may give.
func terms() consent.Consent {
	return consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+30*day)
}

// body returns a body that is right for the scene, whoever signs it.
func (x *scene) body(name string) consent.Body {
	k, salt := x.s.Link(), x.w.Rand.Hash()
	h, q, p := k.Handle, k.Seq, k.Prev
	freshKey := consent.KeyCommitment(x.freshSalt, fresh.Address())
	key := []consent.Address{hospital.Address()}
	switch name {
	case "SubjectOpen":
		return &consent.SubjectOpen{Handle: x.w.Rand.Handle(), Custodian: consenttest.CityHospital, Slot: 99, CodeCommit: x.w.Rand.Hash(), Salt: salt}
	case "SubjectCode":
		return &consent.SubjectCode{Handle: h, Seq: q, Prev: p, CodeCommit: x.w.Rand.Hash(), CodeUntil: x.w.Now + day, Salt: salt}
	case "SubjectClaim":
		return &consent.SubjectClaim{Handle: h, Seq: q, Prev: p, KeyCommit: freshKey, Salt: salt}
	case "KeyRotate":
		return &consent.KeyRotate{Handle: h, Seq: q, Prev: p, KeyCommit: freshKey, Salt: salt}
	case "GuardiansSet":
		return &consent.GuardiansSet{Handle: h, Seq: q, Prev: p, GuardianCommit: consent.GuardianCommitment(x.guardians), Salt: salt}
	case "RecoveryBegin":
		return &consent.RecoveryBegin{Handle: h, Seq: q, Prev: p, KeyCommit: freshKey, Salt: salt}
	case "RecoveryVeto":
		return &consent.RecoveryVeto{Handle: h, Seq: q, Prev: p, Salt: salt}
	case "RecoveryFinish":
		return &consent.RecoveryFinish{Handle: h, Seq: q, Prev: p, Salt: salt}
	case "ConsentGrant":
		return &consent.ConsentGrant{Handle: h, Seq: q, Prev: p, Consent: terms(), Salt: salt}
	case "ConsentDecline":
		return &consent.ConsentDecline{Handle: h, Seq: q, Prev: p, Consent: terms(), Salt: salt}
	case "ConsentRevoke":
		return &consent.ConsentRevoke{Handle: h, Seq: q, Prev: p, Consent: x.grant, Salt: salt}
	case "RevokeAll":
		return &consent.RevokeAll{Handle: h, Seq: q, Prev: p, Salt: salt}
	case "ConsentAttest":
		return &consent.ConsentAttest{Handle: h, Seq: q, Prev: p, Evidence: x.w.Rand.Hash(), Consent: terms(), Salt: salt}
	case "ConsentConfirm":
		return &consent.ConsentConfirm{Handle: h, Seq: q, Prev: p, Consent: x.attest, Commitment: x.attested, Salt: salt}
	case "Delegate":
		d := *x.delegation
		d.Seq, d.Prev, d.Salt = q, p, salt
		return &d
	case "DelegateEnd":
		return &consent.DelegateEnd{Handle: h, Seq: q, Prev: p, Delegation: x.delegation.Seq, Salt: salt}
	case "Erase":
		return &consent.Erase{Handle: h, Seq: q, Prev: p, Reason: "request", Salt: salt}
	case "Anchor":
		return &consent.Anchor{Member: consenttest.CityHospital, Origin: "log", Size: 10, Salt: salt}
	case "MemberAdmit":
		return &consent.MemberAdmit{Member: "new-clinic", Name: "New Clinic", Roles: []consent.Role{consent.Clinician}, Keys: key, Salt: salt}
	case "MemberUpdate":
		return &consent.MemberUpdate{Member: consenttest.RosaInstitute, Seq: 2, Name: "Rosa", Roles: []consent.Role{consent.Researcher}, Keys: key, Salt: salt}
	case "MemberSuspend":
		return &consent.MemberSuspend{Member: consenttest.CityHospital, Seq: x.record, Suspended: x.record == 2, Reason: "audit", Salt: salt}
	}
	return x.ledgerBody(name, salt)
}

func (x *scene) ledgerBody(name string, salt consent.Hash) consent.Body {
	all := []consent.Authority{{Name: "Trust", Address: trust.Address()}}
	switch name {
	case "Init":
		return &consent.Init{Name: "another", Authorities: all, Threshold: 1, Salt: salt}
	case "AuthorityChange":
		return &consent.AuthorityChange{Seq: 2, Authorities: all, Threshold: 1, Salt: salt}
	case "Close":
		return &consent.Close{Seq: 2, Salt: salt}
	case "Import":
		return &consent.Import{Seq: 3, Size: 10, Root: salt, Salt: salt}
	}
	x.t.Fatalf("no body for %s", name)
	return nil
}

// signer is somebody with all that she could know.
type signer struct {
	name string
	open func(x *scene) consent.Openings
	keys func(x *scene) []sig.Key
}

func keys(ks ...sig.Key) func(*scene) []sig.Key { return func(*scene) []sig.Key { return ks } }

func ownKey(x *scene) []sig.Key { return []sig.Key{x.s.Key} }

func nothing(*scene) consent.Openings { return consent.Openings{} }

func ownSalt(x *scene) consent.Openings { return consent.Openings{KeySalt: &x.s.KeySalt} }

func guardians(x *scene) consent.Openings { return consent.Openings{Guardians: &x.guardians} }

func delegation(x *scene) consent.Openings { return consent.Openings{Delegation: x.delegation} }

func newSalt(x *scene) consent.Openings { return consent.Openings{NewKeySalt: &x.freshSalt} }

func bothSalts(x *scene) consent.Openings {
	return consent.Openings{KeySalt: &x.s.KeySalt, NewKeySalt: &x.freshSalt}
}

func code(x *scene) consent.Openings {
	c := consent.CodeSecret(x.s.Code)
	return consent.Openings{NewKeySalt: &x.freshSalt, Code: &c}
}

// everything is what a thief of all papers knows, and no key.
func everything(x *scene) consent.Openings {
	o := code(x)
	o.KeySalt, o.Guardians, o.Delegation = &x.s.KeySalt, &x.guardians, x.delegation
	return o
}

var signers = []signer{
	{"subject", ownSalt, ownKey},
	{"subject-unopened", nothing, ownKey},
	{"delegate", delegation, keys(mother)},
	{"delegate-unopened", nothing, keys(mother)},
	{"custodian", nothing, keys(hospital)},
	{"clinician", nothing, keys(consenttest.Persona(string(consenttest.BobPractice)))},
	{"authorities", nothing, keys(regulator, trust)},
	{"one-authority", nothing, keys(trust)},
	{"guardians", guardians, keys(ben, cara)},
	{"one-guardian", guardians, keys(cara)},
	{"code", code, keys(fresh)},
	{"new-key", newSalt, keys(fresh)},
	{"old-and-new", bothSalts, func(x *scene) []sig.Key { return []sig.Key{x.s.Key, fresh} }},
	{"new-and-old", bothSalts, func(x *scene) []sig.Key { return []sig.Key{fresh, x.s.Key} }},
	{"subject-and-stranger", ownSalt, func(x *scene) []sig.Key { return []sig.Key{x.s.Key, mallory} }},
	{"stranger-with-papers", everything, keys(mallory)},
}
