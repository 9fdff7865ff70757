package takeout_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet/takeout"
)

// ledger runs the contract in memory and gives receipts.
type ledger struct {
	*testing.T
	*consenttest.World
	state    *consenttest.Memory
	leaves   [][]byte
	stored   []tlog.Hash
	signer   note.Signer
	key      string
	messages []consent.Message
}

func (l *ledger) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	w, genesis := consenttest.NewWorld("takeout")
	secret, public, err := note.GenerateKey(consenttest.NewStream("log"), "log")
	l := &ledger{T: t, World: w, state: consenttest.NewMemory(), key: public}
	l.must(err)
	l.signer, err = note.NewSigner(secret)
	l.must(err)
	l.messages = append([]consent.Message{genesis}, w.Members()...)
	for _, m := range l.messages {
		l.submit(m)
	}
	return l
}

// ReadHashes implements tlog.HashReader.
func (l *ledger) ReadHashes(ix []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ix))
	for i, x := range ix {
		out[i] = l.stored[x]
	}
	return out, nil
}

func (l *ledger) submit(m consent.Message) takeout.Proved {
	l.Helper()
	v, err := consent.Verify(l.Ledger, m)
	l.must(err)
	out, err := consent.Run(consent.Tx{ID: fmt.Sprint(len(l.leaves)), Time: l.Now}, l.state, v)
	l.must(err)
	for _, w := range out.Leaf.Writes {
		l.must(l.state.Put(w.Key, w.Value))
	}
	l.state.Commit()
	leaf, n := out.Leaf.Marshal(), int64(len(l.leaves))
	hashes, err := tlog.StoredHashes(n, leaf, l)
	l.must(err)
	l.stored, l.leaves = append(l.stored, hashes...), append(l.leaves, leaf)
	root, err := tlog.TreeHash(n+1, l)
	l.must(err)
	proof, err := tlog.ProveRecord(n+1, n, l)
	l.must(err)
	text := fmt.Sprintf("volens/ledger/%s\n%d\n%s\n", l.Ledger, n+1, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	l.must(err)
	r := network.Receipt{
		Position: network.Position(n + 1), Commitment: out.Leaf.Commitment, Time: out.Leaf.Time, Leaf: leaf, Checkpoint: signed, //nolint:gosec // small
	}
	for _, h := range proof {
		r.Proof = append(r.Proof, consent.Hash(h))
	}
	return takeout.Proved{Message: m, Receipt: r}
}

// given is the evidence of a consent that Alice gave to Rosa's institute.
func given(l *ledger) (*consenttest.Subject, takeout.Evidence) {
	s, opened := l.Open()
	l.submit(opened)
	claim := s.Claim()
	l.submit(claim)
	s.Moved(claim)
	k := consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+1000*3600*1000)
	k.TextHash, k.Locale = l.Rand.Hash(), "en-GB"
	grant := s.Grant(k)
	proved := l.submit(grant)
	s.Moved(grant)
	return s, takeout.Evidence{
		Ledger: l.Ledger, Genesis: consent.Commitment(l.messages[0].Body), LogKey: l.key, Consent: proved,
		Members: takeout.Parties(l.messages, consenttest.CityHospital, consenttest.RosaInstitute),
		Stated:  takeout.Stated{Jurisdiction: "GB", Gateway: "https://city-hospital.example", Issued: consenttest.Start + 24*3600*1000},
	}
}

// at reads a path of JSON members; a list counts as its first element.
func at(v any, path string) any {
	for _, name := range strings.Split(path, " ") {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil
		}
		v = list[0]
	}
	return v
}

// TestReceiptFields checks that a receipt has all 25 fields that ISO/IEC TS 27560 makes mandatory, each with a value.
func TestReceiptFields(t *testing.T) {
	l := newLedger(t)
	_, e := given(l)
	r, err := takeout.New(e)
	l.must(err)
	b, err := r.Format()
	l.must(err)
	var v any
	l.must(json.Unmarshal(b, &v))
	fields := map[string]string{ // the field's name in TS 27560: where it is
		"schema version": "dct:conformsTo", "record id": "dct:identifier", "receipt id": "@id", "pii principal id": "dpv:hasDataSubject",
		"privacy notice": "dpv:hasNotice dct:identifier", "language": "dpv:hasNotice dct:language",
		"purpose": "dpv:hasProcess dpv:hasPurpose dct:identifier", "pii information": "dpv:hasProcess dpv:hasPersonalData @type",
		"pii controllers": "dpv:hasProcess dpv:hasDataController", "storage locations": "dpv:hasProcess dpv:hasStorageCondition dct:description",
		"retention period": "dpv:hasProcess dpv:hasStorageCondition @type", "jurisdiction": "dpv:hasProcess dpv:hasJurisdiction",
		"recipient third parties": "dpv:hasProcess dpv:hasRecipient", "withdrawal method": "dpv:hasProcess dpv:hasConsentControl dct:description",
		"pii type": "dpv:hasProcess dpv:hasPersonalData dct:identifier", "party id": "dpv:hasEntity @id", "party address": "dpv:hasEntity dpv:hasAddress",
		"party name": "dpv:hasEntity dpv:hasName", "party contact": "dpv:hasEntity dpv:hasContact", "party type": "dpv:hasEntity @type",
		"event time": "dpv:hasConsent dct:date", "validity duration": "dpv:hasConsent dct:valid", "entity id": "dpv:hasConsent dpv:isIndicatedBy",
		"event type": "dpv:hasConsent @type", "event state": "dpv:hasConsent dpv:hasConsentStatus",
	}
	if len(fields) != 25 {
		t.Fatalf("%d fields", len(fields))
	}
	for name, path := range fields {
		if s, ok := at(v, path).(string); !ok || s == "" {
			t.Errorf("%s: nothing at %q", name, path)
		}
	}
	if len(r.Parties) != 2 || r.Parties[0].Name != "City Hospital" || r.Parties[1].Name != "Rosa's Institute" || r.Events[0].State != "dpv:ConsentGiven" {
		t.Errorf("%+v %+v", r.Parties, r.Events)
	}
}

// TestReceiptChecks checks that a receipt holds offline, also after the revocation, and that none that was changed does.
func TestReceiptChecks(t *testing.T) {
	l := newLedger(t)
	s, e := given(l)
	r, err := takeout.New(e)
	l.must(err)
	b, err := r.Format()
	l.must(err)
	if _, err := takeout.Check(b); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	l.must(json.Compact(&packed, b))
	if _, err := takeout.Check(packed.Bytes()); err != nil {
		t.Errorf("without spaces: %v", err)
	}
	for name, change := range map[string][2]string{
		"another purpose":      {`"v3-ActReason|HRESCH"`, `"v3-ActReason|TREAT"`},
		"another name":         {`"Rosa's Institute"`, `"Mallory Ltd"`},
		"another state":        {"dpv:ConsentGiven", "dpv:ConsentRefused"},
		"another end":          {"until before", "until"},
		"another jurisdiction": {`"jurisdiction": "GB"`, `"jurisdiction": "XX"`},
		"another mapping":      {`"volens:mapping": "2"`, `"volens:mapping": "1"`},
		"a mapping of later":   {`"volens:mapping": "2"`, `"volens:mapping": "3"`},
		"another time":         {`"dct:issued": "20`, `"dct:issued": "19`},
		"another signer":       {`"volens:signedBy": "subject"`, `"volens:signedBy": "custodian"`},
		"another message":      {`"seq": "3"`, `"seq": "4"`},
		"more":                 {`"@type": "dpv:ConsentReceipt",`, `"@type": "dpv:ConsentReceipt", "extra": 1,`},
	} {
		changed := bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1)
		if name == "another purpose" {
			changed = bytes.Replace(b, []byte("|HRESCH"), []byte("|TREAT"), 1)
		}
		if bytes.Equal(changed, b) {
			t.Errorf("%s: there is nothing to change", name)
		}
		if _, err := takeout.Check(changed); !errors.Is(err, takeout.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	revoke := s.Revoke(3)
	ended := l.submit(revoke)
	e.Ended = &ended
	r, err = takeout.New(e)
	l.must(err)
	if len(r.Events) != 2 || r.Events[1].State != "dpv:ConsentWithdrawn" {
		t.Errorf("%+v", r.Events)
	}
}

// TestEvidence checks that evidence that does not hold makes no receipt.
func TestEvidence(t *testing.T) {
	for name, spoil := range map[string]func(l *ledger, s *consenttest.Subject, e *takeout.Evidence){
		"another ledger":      func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Ledger[0]++ },
		"another genesis":     func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Genesis[0]++ },
		"another key":         func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.LogKey = "log+00000000+AA==" },
		"no members":          func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Members = nil },
		"members without one": func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Members = e.Members[1:] },
		"another signature":   func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Consent.Message.Sigs[0][0]++ },
		"no proof":            func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Consent.Receipt.Proof = nil },
		"no consent": func(l *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			e.Consent = l.submit(s.Revoke(3))
		},
		"the end of another": func(l *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			m := s.Grant(consenttest.ResearchConsent(consenttest.BobPractice, 0))
			l.submit(m)
			s.Moved(m)
			p := l.submit(s.Revoke(4))
			e.Ended = &p
		},
	} {
		l := newLedger(t)
		s, e := given(l)
		spoil(l, s, &e)
		if _, err := takeout.New(e); !errors.Is(err, takeout.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCheck checks that no text makes Check panic.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"volens:mapping":"1","volens:evidence":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := takeout.Check(b); err != nil && !errors.Is(err, takeout.ErrRefused) {
			t.Error(err)
		}
	})
}
