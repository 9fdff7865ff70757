package trial

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
)

// patient is one subject's life: enrolment, then grants, requests and revocations in turn, and perhaps an erasure.
type patient struct {
	w         *writer
	hospital  *client.Client
	institute *client.Client
	me        *client.Client

	handle  consent.SubjectID
	key     sig.Key
	keySalt consent.Hash
	seq     consent.Uint64
	prev    consent.Hash
	name    string // under which the institute knows her
}

// life is how many rounds a patient lives.
const life = 20

func (w *writer) patient(ctx context.Context) error {
	p := &patient{w: w, keySalt: salt(), hospital: w.clients[hospital], institute: w.clients[institute]}
	if err := p.enrol(ctx); err != nil {
		return w.refused("enrol", err)
	}
	for range life {
		if !w.more() {
			return nil
		}
		if err := p.round(ctx); err != nil {
			return err
		}
	}
	if !w.cfg.Erase {
		return nil
	}
	if _, err := p.hospital.Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{Handle: &p.handle}, Reason: "request"}); err != nil {
		return w.refused("erase", err)
	}
	w.acked("erase %s", p.handle)
	return nil
}

func (p *patient) enrol(ctx context.Context) (err error) {
	if p.key, err = sig.GenerateKey(rand.Reader); err != nil {
		return err
	}
	var local [8]byte
	_, _ = rand.Read(local[:]) //nolint:errcheck // never fails (crypto/rand)
	e, err := p.hospital.Enrol(ctx, api.Enrolment{LocalID: hex.EncodeToString(local[:])})
	if err != nil {
		return err
	}
	p.w.acked("message %s", e.Receipt.Commitment)
	p.handle, p.seq, p.prev = e.Handle, e.Seq, e.Prev
	secret := consent.CodeSecret(e.Code)
	claim := p.w.sign(&consent.SubjectClaim{
		Handle: p.handle, Seq: p.seq + 1, Prev: p.prev, KeyCommit: consent.KeyCommitment(p.keySalt, p.key.Address()), Salt: salt(),
	}, consent.Openings{NewKeySalt: &p.keySalt, Code: &secret}, p.key)
	c, err := p.w.client()
	if err != nil {
		return err
	}
	if _, err := c.Claim(ctx, claim); err != nil {
		return err
	}
	p.moved(claim)
	if p.me, err = signIn(ctx, c, p.handle, p.key, p.keySalt); err != nil {
		return err
	}
	p.name, err = p.hospital.Pseudonym(ctx, api.PseudonymQuery{SubjectQuery: api.SubjectQuery{Handle: &p.handle}, Member: institute})
	return err
}

// moved notes that a message was acknowledged.
func (p *patient) moved(m consent.Message) {
	p.seq, p.prev = p.seq+1, consent.Commitment(m.Body)
	p.w.acked("message %s", p.prev)
}

// round grants, asks, revokes and asks again.
func (p *patient) round(ctx context.Context) error {
	if err := p.submit(ctx, &consent.ConsentGrant{Handle: p.handle, Seq: p.seq + 1, Prev: p.prev, Consent: research(), Salt: salt()}); err != nil {
		return p.w.refused("grant", err)
	}
	granted := p.seq
	if err := p.ask(ctx, "permit"); err != nil {
		return p.w.refused("use", err)
	}
	if err := p.submit(ctx, &consent.ConsentRevoke{Handle: p.handle, Seq: p.seq + 1, Prev: p.prev, Consent: granted, Salt: salt()}); err != nil {
		return p.w.refused("revoke", err)
	}
	if err := p.ask(ctx, "deny"); err != nil {
		return p.w.refused("use", err)
	}
	return nil
}

func (p *patient) submit(ctx context.Context, b consent.Body) error {
	m := p.w.sign(b, consent.Openings{KeySalt: &p.keySalt}, p.key)
	if _, err := p.me.Submit(ctx, m); err != nil {
		return err
	}
	p.moved(m)
	return nil
}

func (p *patient) ask(ctx context.Context, want string) error {
	a, err := p.institute.Access(ctx, api.AccessRequest{
		Subject: p.name, Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/trial"},
	})
	if err != nil {
		return err
	}
	if a.Decision.Decision != want {
		return fmt.Errorf("decided %s, want %s: %v", a.Decision.Decision, want, a.Reasons)
	}
	p.w.acked("use %d %s", a.Use.Index, a.Use.Leaf)
	return nil
}

func research() consent.Consent {
	return consent.Consent{
		Kind: "research", Locale: "en",
		Provisions: []consent.Provision{{
			Effect:     consent.Permit,
			Purposes:   []consent.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ActReason", Code: "HRESCH"}},
			Recipients: []consent.Recipient{{Reference: "Organization/" + string(institute)}},
		}},
	}
}
