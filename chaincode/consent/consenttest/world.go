package consenttest

import (
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// World signs the messages of a small ledger: two authorities of whom both must sign, City Hospital (custodian and
// clinician), Bob's practice (clinician), Rosa's institute (researcher), Aurel (auditor). It keeps each subject's place in
// its chain; submitting is the caller's.
type World struct {
	Ledger consent.Hash
	Rand   *Stream
	Now    consent.Millis
	slot   consent.Uint64
}

// NewWorld returns a world and its genesis, signed.
func NewWorld(seed string) (*World, consent.Message) {
	w := &World{Rand: NewStream(seed), Now: Start}
	g := &consent.Init{
		Name: "test ledger", Threshold: 2, RecoveryDelay: 3 * 24 * 3600 * 1000, Salt: w.Rand.Hash(),
		Authorities: []consent.Authority{
			{Name: "Patients' Trust", Address: Persona("trust").Address()},
			{Name: "Health Regulator", Address: Persona("regulator").Address()},
		},
	}
	w.Ledger = consent.LedgerID(g)
	return w, w.Sign(g, Persona("trust"), Persona("regulator"))
}

// Sign returns the message of a body with these signatures. It panics when signing fails, which a valid key never does.
func (w *World) Sign(b consent.Body, keys ...sig.Key) consent.Message {
	return w.SignOpen(b, consent.Openings{}, keys...)
}

// SignOpen is Sign with openings.
func (w *World) SignOpen(b consent.Body, o consent.Openings, keys ...sig.Key) consent.Message {
	m := consent.Message{Body: b, Openings: o}
	if err := m.Sign(w.Ledger, keys...); err != nil {
		panic(err)
	}
	return m
}

// Members returns the signed admissions of the test members.
func (w *World) Members() []consent.Message {
	admit := func(id consent.MemberID, name string, roles ...consent.Role) consent.Message {
		return w.Sign(&consent.MemberAdmit{
			Member: id, Name: name, Roles: roles, Keys: []consent.Address{Persona(string(id)).Address()}, Salt: w.Rand.Hash(),
		}, Persona("trust"), Persona("regulator"))
	}
	return []consent.Message{
		admit(CityHospital, "City Hospital", consent.Custodian, consent.Clinician),
		admit(BobPractice, "Bob's Practice", consent.Clinician),
		admit(RosaInstitute, "Rosa's Institute", consent.Researcher),
		admit(AurelAudit, "Aurel Audit Office", consent.Auditor),
	}
}

// Subject is a handle with its key and its place in its chain.
type Subject struct {
	Handle  consent.SubjectID
	Key     sig.Key
	KeySalt consent.Hash
	Code    string
	Slot    consent.Uint64
	Seq     consent.Uint64
	Prev    consent.Hash
	w       *World
}

// Open returns a new subject at City Hospital and the message that opens it.
func (w *World) Open() (*Subject, consent.Message) {
	s := &Subject{Handle: w.Rand.Handle(), KeySalt: w.Rand.Hash(), w: w, Slot: w.slot}
	w.slot++
	s.Code = fmt.Sprintf("%x", w.Rand.Handle())
	key, err := sig.GenerateKey(w.Rand)
	if err != nil {
		panic(err)
	}
	s.Key = key
	m := w.Sign(&consent.SubjectOpen{
		Handle: s.Handle, Custodian: CityHospital, Slot: s.Slot, CodeUntil: w.Now + 7*24*3600*1000,
		CodeCommit: consent.CodeCommitment(consent.CodeSecret(s.Code)), Salt: w.Rand.Hash(),
	}, Persona(string(CityHospital)))
	s.Moved(m)
	return s, m
}

// Link is the subject's next place.
func (s *Subject) Link() consent.Link {
	return consent.Link{Handle: s.Handle, Seq: s.Seq + 1, Prev: s.Prev}
}

// Moved notes that a message of the subject was accepted.
func (s *Subject) Moved(m consent.Message) { s.Seq, s.Prev = s.Seq+1, consent.Commitment(m.Body) }

// Claim returns the message that registers the subject's key.
func (s *Subject) Claim() consent.Message {
	secret, l := consent.CodeSecret(s.Code), s.Link()
	return s.w.SignOpen(&consent.SubjectClaim{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, KeyCommit: consent.KeyCommitment(s.KeySalt, s.Key.Address()),
		Salt: s.w.Rand.Hash(),
	}, consent.Openings{NewKeySalt: &s.KeySalt, Code: &secret}, s.Key)
}

// Sign signs a body with the subject's key and opens it.
func (s *Subject) Sign(b consent.Body) consent.Message {
	return s.w.SignOpen(b, consent.Openings{KeySalt: &s.KeySalt}, s.Key)
}

// Grant returns a signed grant of c.
func (s *Subject) Grant(c consent.Consent) consent.Message {
	l := s.Link()
	return s.Sign(&consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: c, Salt: s.w.Rand.Hash()})
}

// Revoke returns a signed revocation of the consent with this seq.
func (s *Subject) Revoke(seq consent.Uint64) consent.Message {
	l := s.Link()
	return s.Sign(&consent.ConsentRevoke{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: seq, Salt: s.w.Rand.Hash()})
}

// RevokeAll returns a signed revocation of everything.
func (s *Subject) RevokeAll() consent.Message {
	l := s.Link()
	return s.Sign(&consent.RevokeAll{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: s.w.Rand.Hash()})
}

// Erase returns a signed erasure.
func (s *Subject) Erase() consent.Message {
	l := s.Link()
	return s.Sign(&consent.Erase{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Reason: "request", Salt: s.w.Rand.Hash()})
}

// Purposes returns codings of v3-ActReason.
func Purposes(codes ...string) []consent.Coding {
	var cs []consent.Coding
	for _, c := range codes {
		cs = append(cs, consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ActReason", Code: c})
	}
	return cs
}

// ResearchConsent permits a member to use data for research until end (0: open).
func ResearchConsent(to consent.MemberID, end consent.Millis) consent.Consent {
	return PurposeConsent(to, "HRESCH", end)
}

// PurposeConsent permits a member to access data for one purpose until end (0: open).
func PurposeConsent(to consent.MemberID, purpose string, end consent.Millis) consent.Consent {
	return consent.Consent{
		Kind: "patient-privacy", Locale: "en", Period: consent.Period{Start: Start, End: end},
		Policies: []string{"https://volens.example/policies/consent/1"},
		Provisions: []consent.Provision{{
			Effect: consent.Permit, Purposes: Purposes(purpose),
			Recipients: []consent.Recipient{{
				Role:      consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", Code: "IRCP"},
				Reference: "Organization/" + string(to),
			}},
		}},
	}
}

// Adopt makes a subject that was opened elsewhere one of this world's.
func (w *World) Adopt(s Subject) *Subject {
	s.w = w
	return &s
}
