package consent_test

import (
	"slices"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
)

func TestGenesis(t *testing.T) {
	authority := func(name string, k sig.Key) consent.Authority {
		return consent.Authority{Name: name, Address: k.Address()}
	}
	two := []consent.Authority{authority("Trust", trust), authority("Regulator", regulator)}
	cases := map[string]struct {
		change func(*consent.Init)
		keys   []sig.Key
		code   consent.Code
	}{
		"good":            {func(*consent.Init) {}, []sig.Key{trust, regulator}, ""},
		"other order":     {func(*consent.Init) {}, []sig.Key{regulator, trust}, ""},
		"too few":         {func(*consent.Init) {}, []sig.Key{trust}, consent.Unauthorized},
		"a stranger too":  {func(*consent.Init) {}, []sig.Key{trust, regulator, mallory}, consent.Unauthorized},
		"one of one":      {func(g *consent.Init) { g.Authorities, g.Threshold = two[:1], 1 }, []sig.Key{trust}, ""},
		"none":            {func(g *consent.Init) { g.Authorities = nil }, []sig.Key{trust}, consent.Malformed},
		"threshold 0":     {func(g *consent.Init) { g.Threshold = 0 }, []sig.Key{trust, regulator}, consent.Malformed},
		"threshold 3":     {func(g *consent.Init) { g.Threshold = 3 }, []sig.Key{trust, regulator}, consent.Malformed},
		"named twice":     {func(g *consent.Init) { g.Authorities = []consent.Authority{two[0], two[0]} }, []sig.Key{trust}, consent.Malformed},
		"no name":         {func(g *consent.Init) { g.Authorities[0].Name = "" }, []sig.Key{trust, regulator}, consent.Malformed},
		"no address":      {func(g *consent.Init) { g.Authorities[0].Address = consent.Address{} }, []sig.Key{trust, regulator}, consent.Malformed},
		"negative delay":  {func(g *consent.Init) { g.RecoveryDelay = -1 }, []sig.Key{trust, regulator}, consent.Malformed},
		"delay for ever":  {func(g *consent.Init) { g.RecoveryDelay = 1<<63 - 1 }, []sig.Key{trust, regulator}, consent.Malformed},
		"longest delay":   {func(g *consent.Init) { g.RecoveryDelay = 366 * day }, []sig.Key{trust, regulator}, ""},
		"no salt":         {func(g *consent.Init) { g.Salt = consent.Hash{} }, []sig.Key{trust, regulator}, consent.Malformed},
		"signed twice":    {func(*consent.Init) {}, []sig.Key{trust, trust}, consent.BadSignature},
		"17 signatures":   {func(*consent.Init) {}, slices.Repeat([]sig.Key{trust}, 17), consent.TooLarge},
		"nobody signed":   {func(*consent.Init) {}, nil, consent.BadSignature},
		"33 authorities":  {func(g *consent.Init) { g.Authorities = make([]consent.Authority, 33) }, []sig.Key{trust}, consent.TooLarge},
		"control in name": {func(g *consent.Init) { g.Name = "a\x00" }, []sig.Key{trust, regulator}, consent.Malformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w, _ := consenttest.NewWorld(t.Name())
			g := &consent.Init{Name: "a ledger", Authorities: slices.Clone(two), Threshold: 2, Salt: w.Rand.Hash()}
			c.change(g)
			l := &ledger{t: t, w: w, st: consenttest.NewMemory()}
			w.Ledger = consent.LedgerID(g)
			if c.code == "" {
				l.must(w.Sign(g, c.keys...))
				l.refuse(consent.Exists, w.Sign(g, c.keys...))
				return
			}
			l.refuse(c.code, w.Sign(g, c.keys...))
		})
	}
}

func TestNoGenesis(t *testing.T) {
	w, _ := consenttest.NewWorld(t.Name())
	l := &ledger{t: t, w: w, st: consenttest.NewMemory()}
	_, open := w.Open()
	l.refuse(consent.WrongState, open)
}

// TestAuthorityChange: from the change on, only the new authorities count.
func TestAuthorityChange(t *testing.T) {
	l := newLedger(t)
	judge := consenttest.Persona("judge")
	change := func(seq consent.Uint64, threshold consent.Uint64, who ...sig.Key) *consent.AuthorityChange {
		m := &consent.AuthorityChange{Seq: seq, Threshold: threshold, Salt: l.w.Rand.Hash()}
		for _, k := range who {
			m.Authorities = append(m.Authorities, consent.Authority{Name: "somebody", Address: k.Address()})
		}
		return m
	}
	l.refuse(consent.Conflict, l.w.Sign(change(3, 1, judge), trust, regulator))
	l.refuse(consent.Malformed, l.w.Sign(change(2, 2, judge), trust, regulator))
	l.refuse(consent.Malformed, l.w.Sign(change(2, 1, judge, judge), trust, regulator))
	l.refuse(consent.Unauthorized, l.w.Sign(change(2, 1, judge), judge))
	first := l.w.Sign(change(2, 2, trust, judge), trust, regulator)
	l.must(first)
	l.refuse(consent.Unauthorized, first)                                           // the regulator is none any more
	l.refuse(consent.Conflict, l.w.Sign(change(2, 1, trust), trust, judge))         // replayed seq
	l.refuse(consent.Unauthorized, l.w.Sign(change(3, 1, trust), trust, regulator)) // the regulator is none any more
	l.must(l.w.Sign(change(3, 1, judge), judge, trust))
	l.must(l.w.Sign(&consent.MemberSuspend{Member: consenttest.CityHospital, Seq: 2, Suspended: true, Salt: l.w.Rand.Hash()}, judge))
	l.refuse(consent.Conflict, l.w.Sign(&consent.Close{Seq: 3, Salt: l.w.Rand.Hash()}, judge))
	l.must(l.w.Sign(&consent.Close{Seq: 4, Salt: l.w.Rand.Hash()}, judge))
	l.refuse(consent.Closed, l.w.Sign(change(5, 1, judge), judge))
}

func TestMembers(t *testing.T) {
	l := newLedger(t)
	good := func() *consent.MemberAdmit {
		return &consent.MemberAdmit{
			Member: "new-clinic", Name: "New Clinic", Roles: []consent.Role{consent.Clinician}, Keys: []consent.Address{ben.Address()}, Salt: l.w.Rand.Hash(),
		}
	}
	bad := map[string]func(*consent.MemberAdmit){
		"no id":      func(m *consent.MemberAdmit) { m.Member = "" },
		"upper case": func(m *consent.MemberAdmit) { m.Member = "Clinic" },
		"slash":      func(m *consent.MemberAdmit) { m.Member = "a/b" },
		"digit":      func(m *consent.MemberAdmit) { m.Member = "1a" },
		"no name":    func(m *consent.MemberAdmit) { m.Name = "" },
		"no role":    func(m *consent.MemberAdmit) { m.Roles = nil },
		"authority":  func(m *consent.MemberAdmit) { m.Roles = []consent.Role{"authority"} },
		"role twice": func(m *consent.MemberAdmit) { m.Roles = []consent.Role{consent.Auditor, consent.Auditor} },
		"no key":     func(m *consent.MemberAdmit) { m.Keys = nil },
		"zero key":   func(m *consent.MemberAdmit) { m.Keys = []consent.Address{{}} },
		"key twice":  func(m *consent.MemberAdmit) { m.Keys = []consent.Address{ben.Address(), ben.Address()} },
	}
	for name, change := range bad {
		m := good()
		change(m)
		t.Log(name)
		l.refuse(consent.Malformed, l.w.Sign(m, trust, regulator))
	}
	long := good()
	long.JWKS = string(slices.Repeat([]byte("x"), 8193))
	l.refuse(consent.TooLarge, l.w.Sign(long, trust, regulator))
	long.JWKS = long.JWKS[1:]
	l.must(l.w.Sign(long, trust, regulator))
	l.refuse(consent.Exists, l.w.Sign(good(), trust, regulator))

	update := &consent.MemberUpdate{
		Member: consenttest.CityHospital, Seq: 2, Name: "City Hospital", Roles: []consent.Role{consent.Custodian}, Keys: []consent.Address{cara.Address()},
		Salt: l.w.Rand.Hash(),
	}
	s, open := l.w.Open()
	l.must(open)
	attest := func(k sig.Key) consent.Message {
		link := s.Link()
		return l.w.Sign(&consent.ConsentAttest{Handle: link.Handle, Seq: link.Seq, Prev: link.Prev, Consent: terms(), Salt: l.w.Rand.Hash()}, k)
	}
	l.refuse(consent.BadSignature, attest(cara))
	l.must(l.w.Sign(update, trust, regulator))
	l.refuse(consent.BadSignature, attest(hospital)) // its old key
	l.did(s, attest(cara))
	suspend := func(seq consent.Uint64, on bool) consent.Message {
		return l.w.Sign(&consent.MemberSuspend{Member: consenttest.CityHospital, Seq: seq, Suspended: on, Reason: "audit", Salt: l.w.Rand.Hash()}, trust, regulator)
	}
	l.must(suspend(3, true))
	l.refuse(consent.Unauthorized, attest(cara))
	update.Seq, update.Salt = 4, l.w.Rand.Hash() // an update does not lift a suspension
	l.must(l.w.Sign(update, trust, regulator))
	l.refuse(consent.Unauthorized, attest(cara))
	l.must(suspend(5, false))
	l.did(s, attest(cara))
	update.Member = "nobody"
	l.refuse(consent.NotFound, l.w.Sign(update, trust, regulator))
}

func TestAnchors(t *testing.T) {
	l := newLedger(t)
	anchor := func(origin string, size consent.Uint64, root byte) consent.Message {
		return l.w.Sign(&consent.Anchor{Member: consenttest.CityHospital, Origin: origin, Size: size, Root: consent.Hash{root}, Salt: l.w.Rand.Hash()}, hospital)
	}
	l.refuse(consent.Malformed, anchor("", 1, 1)) // without an origin the next one could tell another history
	l.must(anchor("log", 0, 0))
	l.refuse(consent.Conflict, anchor("log", 0, 1))
	l.must(anchor("log", 5, 1))
	l.must(anchor("log", 5, 1)) // nothing new: a sign of life
	l.refuse(consent.Conflict, anchor("log", 5, 2))
	l.refuse(consent.Conflict, anchor("log", 4, 1))
	l.refuse(consent.Conflict, anchor("other", 6, 1))
	rosa := consenttest.Persona(string(consenttest.RosaInstitute))
	l.refuse(consent.Unauthorized, l.w.Sign(&consent.Anchor{Member: consenttest.RosaInstitute, Origin: "log", Salt: l.w.Rand.Hash()}, rosa))
}

func decode(t *testing.T, r consent.Reader, key string, v any) {
	t.Helper()
	b, err := r.Get(key)
	if err != nil || b == nil {
		t.Fatalf("get %s: %x, %v", key, b, err)
	}
	if err := consent.Decode(b, v); err != nil {
		t.Fatal(err)
	}
}
