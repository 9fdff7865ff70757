// Package bench measures Volens as its users meet it: over HTTP, durable, on real ledgers of a given size.
//
// Its ledgers are made by writing leaves and sealed messages straight into the journal, as the sequencer would, but without
// signatures: a million signed consents would take ten minutes to make. Such a ledger opens, decides and verifies like any
// other; only `ledger verify --signatures` refuses it, as it should.
package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"path/filepath"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// Shape says what ledger to make.
type Shape struct {
	Subjects int
	Consents int  // of each subject
	Forms    int  // different consents; subjects draw from them at random
	Unique   bool // every consent is of its own shape instead; each member asks one consent of each subject
	Named    bool // with Unique: each request names the document that only one consent speaks of
	Members  int  // requesting members
}

// The world of a bench ledger.
const (
	custodian = consent.MemberID("bench-hospital")
	start     = consent.Millis(1767225600000) // 2026-01-01T00:00:00Z
)

// memberID is the i-th requesting member.
func memberID(i int) consent.MemberID { return consent.MemberID(fmt.Sprintf("bench-member-%d", i)) }

// purposes that forms speak of and requests name.
var purposes = []string{"TREAT", "HRESCH", "HPAYMT", "HOPERAT", "PUBHLTH"}

var (
	actReason       = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	resourceTypes   = []string{"Observation", "Condition", "MedicationStatement", "DocumentReference"}
)

// form is the i-th consent form: who may do what for which purpose, with the restrictions that real forms have.
func form(i, members int, unique bool) consent.Consent {
	member, purpose, variant := memberID(i%members), purposes[i/members%len(purposes)], i/(members*len(purposes))
	root := consent.Provision{
		Effect:     consent.Permit,
		Purposes:   []consent.Coding{{System: actReason, Code: purpose}},
		Recipients: []consent.Recipient{{Role: consent.Coding{Code: "IRCP"}, Reference: "Organization/" + string(member)}},
	}
	c := consent.Consent{
		Kind: "patient-privacy", Locale: "en", Period: consent.Period{Start: start - 365*86_400_000},
		Policies: []string{"https://volens.example/policies/bench"}, Provisions: []consent.Provision{root},
	}
	switch variant % 4 {
	case 1:
		c.Provisions[0].Labels = []consent.Coding{{System: confidentiality, Code: "N"}}
	case 2:
		c.Provisions = append(c.Provisions, consent.Provision{
			Effect: consent.Deny, ResourceTypes: []consent.Coding{{Code: resourceTypes[variant%len(resourceTypes)]}},
		})
	case 3:
		c.Provisions[0].ResourceTypes = []consent.Coding{{Code: "Observation"}, {Code: "Condition"}}
	}
	if unique { // a form of one person's own: a document that nobody else has
		c.Provisions = append(c.Provisions, consent.Provision{
			Effect: consent.Deny, Data: []consent.DataReference{{Meaning: "instance", Reference: fmt.Sprintf("DocumentReference/%d", i)}},
		})
	}
	return c
}

// genesis returns the genesis of a bench ledger and the admissions of its members.
func genesis(members int) (consent.Message, consent.Hash, []consent.Message, error) {
	authority := consenttest.Persona("bench authority")
	g := &consent.Init{
		Name: "bench", Threshold: 1, RecoveryDelay: 86_400_000, Salt: random(),
		Authorities: []consent.Authority{{Name: "Bench", Address: authority.Address()}},
	}
	id := consent.LedgerID(g)
	init := consent.Message{Body: g}
	if err := init.Sign(id, authority); err != nil {
		return init, id, nil, err
	}
	admissions := []*consent.MemberAdmit{{
		Member: custodian, Name: "Bench Hospital", Roles: []consent.Role{consent.Custodian},
		Keys: []consent.Address{consenttest.Persona(string(custodian)).Address()}, Salt: random(),
	}}
	for i := range members {
		admissions = append(admissions, &consent.MemberAdmit{
			Member: memberID(i), Name: fmt.Sprintf("Bench Member %d", i), Roles: []consent.Role{consent.Clinician, consent.Researcher},
			Keys: []consent.Address{memberKey(i).Address()}, Salt: random(),
		})
	}
	var ms []consent.Message
	for _, a := range admissions {
		m := consent.Message{Body: a}
		if err := m.Sign(id, authority); err != nil {
			return init, id, nil, err
		}
		ms = append(ms, m)
	}
	return init, id, ms, nil
}

func memberKey(i int) sig.Key { return consenttest.Persona(string(memberID(i))) }

func random() (h consent.Hash) {
	_, _ = rand.Read(h[:]) //nolint:errcheck // never fails (crypto/rand)
	return h
}

// handleOf is the i-th subject's handle. Bench handles are not random, so that the load need not be told them.
func handleOf(i int) (h consent.SubjectID) {
	binary.BigEndian.PutUint64(h[:], uint64(i)*0x9e3779b97f4a7c15+1) //nolint:gosec // spreads over the shards
	binary.BigEndian.PutUint64(h[8:], uint64(i))                     //nolint:gosec // not negative
	return h
}

// Make makes a node with a ledger of this shape.
func Make(ctx context.Context, p node.Paths, s Shape, progress func(done, total int64)) error {
	init, id, members, err := genesis(s.Members)
	if err != nil {
		return err
	}
	if err := node.Init(ctx, p, init, custodian, consenttest.Persona(string(custodian))); err != nil {
		return err
	}
	v, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(p.Data, "vault"), EpochKeyPath: filepath.Join(p.Keys, "epoch")})
	if err != nil {
		return err
	}
	lc, err := node.LedgerConfig(p, id)
	if err == nil {
		lc.Vault = v
		err = admit(ctx, lc, members)
	}
	if err == nil {
		err = fill(ctx, lc, v, s, progress)
	}
	return errors.Join(err, v.Close())
}

func admit(ctx context.Context, lc embedded.Config, members []consent.Message) error {
	l, err := embedded.Open(ctx, lc)
	if err != nil {
		return err
	}
	for _, m := range members {
		verified, err := consent.Verify(lc.Ledger, m)
		if err == nil {
			_, err = l.Submit(ctx, verified)
		}
		if err != nil {
			return errors.Join(err, l.Close())
		}
	}
	return l.Close()
}

// fill writes the subjects and their consents.
func fill(ctx context.Context, lc embedded.Config, v *vault.Vault, s Shape, progress func(done, total int64)) error {
	log, err := journal.Open(ctx, lc.Journal())
	if err != nil {
		return err
	}
	forms := make([]consent.Consent, 0, s.Forms)
	for i := range s.Forms {
		forms = append(forms, form(i, s.Members, false))
	}
	r := draws()
	w := writer{log: log, vault: v}
	for i := range s.Subjects {
		h := handleOf(i)
		if err == nil {
			err = w.open(h, consent.Uint64(i)) //nolint:gosec // not negative
		}
		for j := range s.Consents {
			var c consent.Consent
			if s.Unique {
				c = form(i*s.Consents+j, s.Members, true)
			} else {
				c = forms[r.IntN(len(forms))]
			}
			if err == nil {
				err = w.grant(h, c)
			}
		}
		if err != nil || ctx.Err() != nil {
			break
		}
		if progress != nil && i%1000 == 0 {
			progress(int64(i), int64(s.Subjects))
		}
	}
	return errors.Join(err, ctx.Err(), v.Sync(), log.Sync(), log.Close())
}

// draws are the forms that subjects draw, the same each time.
func draws() *mrand.Rand { return mrand.New(mrand.NewPCG(1, 2)) } //nolint:gosec // a load, not a secret

// writer writes leaves as the contract would, for one subject after the other.
type writer struct {
	log   *journal.Log
	vault *vault.Vault
	head  consent.Head
	last  *journal.Pending
}

func (w *writer) open(h consent.SubjectID, slot consent.Uint64) error {
	w.head = consent.Head{State: consent.Active, Custodian: custodian, Slot: slot, KeyCommit: random()}
	return w.put(h, &consent.SubjectOpen{Handle: h, Custodian: custodian, Slot: slot, CodeCommit: random(), Salt: random()},
		consent.Write{Key: consent.SlotKey(custodian, slot), Value: h[:]})
}

func (w *writer) grant(h consent.SubjectID, c consent.Consent) error {
	b := &consent.ConsentGrant{Handle: h, Seq: w.head.Seq + 1, Prev: w.head.Prev, Consent: c, Salt: random()}
	e := consent.Entry{Kind: "ConsentGrant", Commitment: consent.Commitment(b), Status: consent.Live}
	return w.put(h, b, consent.Write{Key: consent.EntryKey(h, b.Seq), Value: consent.Append(nil, e)})
}

func (w *writer) put(h consent.SubjectID, b consent.Body, other consent.Write) error {
	commitment := consent.Commitment(b)
	w.head.Seq, w.head.Prev, w.head.Time = w.head.Seq+1, commitment, start
	head := consent.Write{Key: consent.HeadKey(h), Value: consent.Append(nil, w.head)}
	leaf := consent.Leaf{Type: consent.TypeOf(b), Time: start, Commitment: commitment, Writes: []consent.Write{head, other}}
	if other.Key < head.Key {
		leaf.Writes[0], leaf.Writes[1] = other, head
	}
	m := consent.Message{Body: b, Sigs: []consent.Signature{noSignature}}
	o := consent.Outcome{
		Event: consent.Event{Type: leaf.Type, Handle: h, Commitment: commitment}, Leaf: leaf,
		Private: []consent.Write{{Key: consent.BodyKey(h, w.head.Seq), Value: m.Marshal()}},
	}
	a, err := embedded.Attach(w.vault, m, o)
	if err != nil {
		return err
	}
	w.last, err = w.log.Enqueue(journal.Record{Leaf: leaf.Marshal(), Attachment: a}, journal.EnqueueOptions{})
	return err
}

// noSignature has the form of a signature and is nobody's.
var noSignature = func() (s consent.Signature) {
	big.NewInt(1).FillBytes(s[:32])
	big.NewInt(1).FillBytes(s[32:64])
	s[64] = 27
	return s
}()
