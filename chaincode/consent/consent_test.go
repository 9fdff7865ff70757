package consent_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

func TestStory(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	grant := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	l.did(s, grant)
	l.refuse(consent.Conflict, grant) // a replay does not follow the head
	revoke := s.Revoke(3)
	l.did(s, revoke)
	l.refuse(consent.WrongState, s.Revoke(3))
	l.refuse(consent.NotFound, s.Revoke(99))
	g2 := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	l.did(s, g2)
	l.did(s, s.RevokeAll())
	l.refuse(consent.WrongState, s.Revoke(5))
	if n := len(l.st.Private("body/")); n != int(s.Seq) {
		t.Fatalf("%d private bodies, want %d", n, s.Seq)
	}
	l.did(s, s.Erase())
	if left := l.st.Private("body/"); len(left) != 0 {
		t.Fatalf("after the erasure %v is left", left)
	}
	l.refuse(consent.Erased, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
}

func TestStrangers(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	mallory := consenttest.Persona("mallory")
	body := func() *consent.ConsentGrant {
		k := s.Link()
		return &consent.ConsentGrant{
			Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash(),
			Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0),
		}
	}
	salt := s.KeySalt
	l.refuse(consent.BadSignature, l.w.SignOpen(body(), consent.Openings{KeySalt: &salt}, mallory))
	l.refuse(consent.BadSignature, l.w.Sign(body(), s.Key)) // no opening
	other := *l.w
	other.Ledger[0] ^= 1
	l.refuse(consent.BadSignature, other.SignOpen(body(), consent.Openings{KeySalt: &salt}, s.Key))
	l.refuse(consent.BadSignature, l.w.SignOpen(body(), consent.Openings{KeySalt: &salt}, s.Key, mallory))
	l.refuse(consent.Unauthorized, l.w.Sign(&consent.MemberAdmit{
		Member: "mallory-inc", Name: "Mallory", Roles: []consent.Role{consent.Custodian},
		Keys: []consent.Address{mallory.Address()}, Salt: l.w.Rand.Hash(),
	}, mallory))
	l.refuse(consent.Unauthorized, l.w.Sign(&consent.MemberAdmit{
		Member: "mallory-inc", Name: "Mallory", Roles: []consent.Role{consent.Custodian},
		Keys: []consent.Address{mallory.Address()}, Salt: l.w.Rand.Hash(),
	}, consenttest.Persona("trust"))) // one of two
	l.refuse(consent.Unauthorized, l.w.Sign(&consent.SubjectOpen{
		Handle: l.w.Rand.Handle(), Custodian: consenttest.RosaInstitute, Slot: 77, CodeCommit: l.w.Rand.Hash(), Salt: l.w.Rand.Hash(),
	}, consenttest.Persona(string(consenttest.RosaInstitute)))) // a researcher opens no subjects
}

func TestClaim(t *testing.T) {
	l := newLedger(t)
	s, open := l.w.Open()
	l.must(open)
	l.refuse(consent.WrongState, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	code := s.Code
	s.Code = "wrong"
	l.refuse(consent.Unauthorized, s.Claim())
	s.Code = code
	l.w.Now += 8 * 24 * 3600 * 1000
	l.refuse(consent.Expired, s.Claim())
	k := s.Link()
	l.did(s, l.w.Sign(&consent.SubjectCode{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, CodeUntil: l.w.Now + 1000*3600,
		CodeCommit: consent.CodeCommitment(consent.CodeSecret("AB-12")), Salt: l.w.Rand.Hash(),
	}, consenttest.Persona(string(consenttest.CityHospital))))
	l.refuse(consent.Unauthorized, s.Claim())
	s.Code = "ab 12"
	claim := s.Claim()
	l.did(s, claim)
	l.refuse(consent.Conflict, claim)
	l.refuse(consent.WrongState, s.Claim()) // the code is spent
}

func TestRecovery(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	g := consent.Guardians{
		Addresses: []consent.Address{consenttest.Persona("ben").Address(), consenttest.Persona("cara").Address(), consenttest.Persona("dan").Address()},
		Threshold: 2, Salt: l.w.Rand.Hash(),
	}
	k := s.Link()
	l.did(s, s.Sign(&consent.GuardiansSet{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, GuardianCommit: consent.GuardianCommitment(g), Salt: l.w.Rand.Hash()}))
	fresh, freshSalt := consenttest.Persona("alice-new"), l.w.Rand.Hash()
	begin := func() *consent.RecoveryBegin {
		k := s.Link()
		return &consent.RecoveryBegin{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, KeyCommit: consent.KeyCommitment(freshSalt, fresh.Address()), Salt: l.w.Rand.Hash()}
	}
	open := consent.Openings{Guardians: &g}
	l.refuse(consent.Unauthorized, l.w.SignOpen(begin(), open, consenttest.Persona("ben")))
	l.refuse(consent.Unauthorized, l.w.SignOpen(begin(), open, consenttest.Persona("ben"), consenttest.Persona("mallory")))
	l.did(s, l.w.SignOpen(begin(), open, consenttest.Persona("ben"), consenttest.Persona("dan")))
	finish := func() consent.Message {
		k := s.Link()
		return l.w.SignOpen(&consent.RecoveryFinish{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash()}, consent.Openings{NewKeySalt: &freshSalt}, fresh)
	}
	l.refuse(consent.TooEarly, finish())
	k = s.Link()
	l.did(s, s.Sign(&consent.RecoveryVeto{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash()}))
	l.w.Now += 4 * 24 * 3600 * 1000
	l.refuse(consent.WrongState, finish())
	l.did(s, l.w.SignOpen(begin(), open, consenttest.Persona("cara"), consenttest.Persona("dan")))
	l.w.Now += 4 * 24 * 3600 * 1000
	l.did(s, finish())
	l.refuse(consent.BadSignature, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	s.Key, s.KeySalt = fresh, freshSalt
	l.did(s, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	old := s.Key
	newest, salt := consenttest.Persona("alice-3"), l.w.Rand.Hash()
	k = s.Link()
	rotate := &consent.KeyRotate{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, KeyCommit: consent.KeyCommitment(salt, newest.Address()), Salt: l.w.Rand.Hash()}
	l.refuse(consent.BadSignature, l.w.SignOpen(rotate, consent.Openings{KeySalt: &s.KeySalt, NewKeySalt: &salt}, newest, old))
	l.did(s, l.w.SignOpen(rotate, consent.Openings{KeySalt: &s.KeySalt, NewKeySalt: &salt}, old, newest))
	l.refuse(consent.BadSignature, s.RevokeAll())
}

func TestDelegation(t *testing.T) {
	l := newLedger(t)
	s, open := l.w.Open() // a child: no key yet
	l.must(open)
	mother := consenttest.Persona("mother")
	day := consent.Millis(24 * 3600 * 1000)
	k := s.Link()
	d := &consent.Delegate{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Delegate: mother.Address(), Kind: "guardian", Scope: []string{"grant"},
		Period: consent.Period{Start: consenttest.Start, End: consenttest.Start + 20*day}, Majority: consenttest.Start + 10*day, Salt: l.w.Rand.Hash(),
	}
	l.did(s, l.w.Sign(d, consenttest.Persona(string(consenttest.CityHospital))))
	by := func(b consent.Body) consent.Message { return l.w.SignOpen(b, consent.Openings{Delegation: d}, mother) }
	grant := func(end consent.Millis) *consent.ConsentGrant {
		k := s.Link()
		return &consent.ConsentGrant{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, end), Salt: l.w.Rand.Hash()}
	}
	l.refuse(consent.Unauthorized, by(grant(0)))                        // outlives the delegation
	l.refuse(consent.Unauthorized, by(grant(consenttest.Start+15*day))) // beyond majority
	l.did(s, by(grant(consenttest.Start+10*day)))                       // up to majority
	k = s.Link()
	l.refuse(consent.Unauthorized, by(&consent.RevokeAll{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash()})) // not in scope
	forged := *d
	forged.Scope = []string{"grant", "revoke"}
	l.refuse(consent.Unauthorized, l.w.SignOpen(&consent.RevokeAll{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash()}, consent.Openings{Delegation: &forged}, mother))
	l.w.Now += 11 * day
	l.refuse(consent.Expired, by(grant(consenttest.Start+10*day)))
	l.did(s, l.w.Sign(&consent.DelegateEnd{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Delegation: d.Seq, Salt: l.w.Rand.Hash()}, consenttest.Persona(string(consenttest.CityHospital))))
	l.refuse(consent.WrongState, by(grant(consenttest.Start+10*day)))
}

func TestAttestAndConfirm(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	k := s.Link()
	attest := l.w.Sign(&consent.ConsentAttest{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Evidence: l.w.Rand.Hash(), Salt: l.w.Rand.Hash(),
		Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0),
	}, consenttest.Persona(string(consenttest.CityHospital)))
	l.did(s, attest)
	confirm := func(c consent.Hash) consent.Message {
		k := s.Link()
		return s.Sign(&consent.ConsentConfirm{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: 3, Commitment: c, Salt: l.w.Rand.Hash()})
	}
	l.refuse(consent.Conflict, confirm(l.w.Rand.Hash()))
	l.did(s, confirm(consent.Commitment(attest.Body)))
	l.refuse(consent.WrongState, confirm(consent.Commitment(attest.Body)))
	narrowed := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+1))
	g, ok := narrowed.Body.(*consent.ConsentGrant)
	if !ok {
		t.Fatal("not a grant")
	}
	g.Replaces = 3
	l.did(s, s.Sign(g))
	l.refuse(consent.WrongState, s.Revoke(3))
}

func TestMembersAndAnchors(t *testing.T) {
	l := newLedger(t)
	hospital := consenttest.Persona(string(consenttest.CityHospital))
	anchor := func(size consent.Uint64, root byte) consent.Message {
		return l.w.Sign(&consent.Anchor{Member: consenttest.CityHospital, Origin: "log", Size: size, Root: consent.Hash{root}, Salt: l.w.Rand.Hash()}, hospital)
	}
	l.must(anchor(10, 1))
	l.refuse(consent.Conflict, anchor(9, 1))
	l.refuse(consent.Conflict, anchor(10, 2))
	l.must(anchor(11, 2))
	both := []string{"trust", "regulator"}
	suspend := l.w.Sign(&consent.MemberSuspend{Member: consenttest.CityHospital, Seq: 2, Suspended: true, Reason: "audit", Salt: l.w.Rand.Hash()},
		consenttest.Persona(both[0]), consenttest.Persona(both[1]))
	s := l.alice()
	l.must(suspend)
	l.refuse(consent.Conflict, suspend)
	l.refuse(consent.Unauthorized, anchor(12, 3))
	l.did(s, s.RevokeAll()) // a suspended custodian does not hinder its subjects
	l.must(l.w.Sign(&consent.Close{Seq: 2, Salt: l.w.Rand.Hash()}, consenttest.Persona(both[0]), consenttest.Persona(both[1])))
	l.refuse(consent.Closed, s.RevokeAll())
}

func TestForm(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	bad := map[string]struct {
		code   consent.Code
		change func(*consent.Consent)
	}{
		"no rules":     {consent.Malformed, func(c *consent.Consent) { c.Provisions = nil }},
		"65 rules":     {consent.TooLarge, func(c *consent.Consent) { c.Provisions = make([]consent.Provision, 65) }},
		"effect":       {consent.Malformed, func(c *consent.Consent) { c.Provisions[0].Effect = "allow" }},
		"parent":       {consent.Malformed, func(c *consent.Consent) { c.Provisions[0].Parent = 1 }},
		"period":       {consent.Malformed, func(c *consent.Consent) { c.Period = consent.Period{Start: 5, End: 5} }},
		"bidi":         {consent.Malformed, func(c *consent.Consent) { c.Kind = "a\u202eb" }},
		"zero width":   {consent.Malformed, func(c *consent.Consent) { c.Kind = "a\u200bb" }},
		"control":      {consent.Malformed, func(c *consent.Consent) { c.Locale = "e\n" }},
		"33 purposes":  {consent.TooLarge, func(c *consent.Consent) { c.Provisions[0].Purposes = make([]consent.Coding, 33) }},
		"long text":    {consent.TooLarge, func(c *consent.Consent) { c.Policies[0] = string(make([]byte, 2000)) }},
		"access mode":  {consent.Malformed, func(c *consent.Consent) { c.AccessMode = "copy" }},
		"data meaning": {consent.Malformed, func(c *consent.Consent) { c.Provisions[0].Data = []consent.DataReference{{Meaning: "near"}} }},
		"depth": {consent.TooLarge, func(c *consent.Consent) {
			for i := range 4 {
				c.Provisions = append(c.Provisions, consent.Provision{Parent: consent.Uint64(i), Effect: consent.Deny})
			}
		}},
	}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			terms := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
			c.change(&terms)
			_, err := consent.Verify(l.w.Ledger, s.Grant(terms))
			if consent.CodeOf(err) != c.code {
				t.Fatalf("got %v, want code %s", err, c.code)
			}
		})
	}
}

func TestStrictMemory(t *testing.T) {
	consenttest.TestState(t, func(*testing.T) (consent.State, func()) {
		m := consenttest.NewMemory()
		return m, m.Commit
	})
}

// TestWithdraw: a custodian takes back what it attested, until the subject confirms it, and nothing else.
func TestWithdraw(t *testing.T) {
	l := newLedger(t)
	s := l.alice()
	city, rosa := consenttest.Persona(string(consenttest.CityHospital)), consenttest.Persona(string(consenttest.RosaInstitute))
	attest := func() consent.Message {
		k := s.Link()
		return l.w.Sign(&consent.ConsentAttest{
			Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: l.w.Rand.Hash(), Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0),
		}, city)
	}
	revoke := func(seq consent.Uint64) *consent.ConsentRevoke {
		k := s.Link()
		return &consent.ConsentRevoke{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: seq, Salt: l.w.Rand.Hash()}
	}
	l.did(s, attest())
	l.refuse(consent.BadSignature, l.w.Sign(revoke(3), rosa))
	l.refuse(consent.BadSignature, l.w.Sign(revoke(3), city, rosa))
	l.did(s, l.w.Sign(revoke(3), city))
	l.refuse(consent.BadSignature, l.w.Sign(revoke(3), city)) // not in force: the subject's rules speak

	second := attest()
	l.did(s, second)
	k := s.Link()
	l.did(s, s.Sign(&consent.ConsentConfirm{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: k.Seq - 1, Commitment: consent.Commitment(second.Body), Salt: l.w.Rand.Hash(),
	}))
	l.refuse(consent.BadSignature, l.w.Sign(revoke(k.Seq-1), city)) // hers now
	grant := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	l.did(s, grant)
	l.refuse(consent.BadSignature, l.w.Sign(revoke(s.Link().Seq-1), city)) // hers from the start
}
