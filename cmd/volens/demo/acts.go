package demo

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

// access is the action of the demo's requests.
var access = consent.Coding{System: policies.SystemAction, Code: "access"}

func purpose(code string) consent.Coding {
	return consent.Coding{System: policies.SystemPurpose, Code: code}
}

// consentTo permits a member the use of data for a purpose, for a year, but for labels.
func consentTo(to consent.MemberID, why, text string, except ...consent.Coding) consent.Consent {
	now := time.Now()
	c := consent.Consent{
		Kind: "patient-privacy", RecordedAt: consent.Millis(now.UnixMilli()), Locale: "en",
		Period:   consent.Period{Start: consent.Millis(now.Add(-time.Minute).UnixMilli()), End: consent.Millis(now.AddDate(1, 0, 0).UnixMilli())},
		Policies: []string{"https://volens.example/policies/consent/1"},
		Provisions: []consent.Provision{{
			Effect: consent.Permit, Purposes: []consent.Coding{purpose(why)},
			Recipients: []consent.Recipient{{
				Role: consent.Coding{System: online.SystemParticipation, Code: "IRCP"}, Reference: "Organization/" + string(to),
			}},
		}},
	}
	if text != "" {
		c.TextHash = sha256.Sum256([]byte(text))
	}
	if len(except) > 0 {
		c.Provisions = append(c.Provisions, consent.Provision{Effect: consent.Deny, Labels: except})
	}
	return c
}

const question = "May Rosa's Institute use your hospital record for its study of blood pressure, until a year from now? " +
	"You can withdraw at any time, and you will see each use."

func (s *story) ask(ctx context.Context) (_ Evidence, err error) {
	s.asked, err = s.rosa.Ask(ctx, api.ConsentRequest{
		Subject: s.knownToRosa, Consent: consentTo(RosaInstitute, "HRESCH", question), Text: question,
	})
	return Evidence{{"request", s.asked.ID}, {"words", question}, {"their SHA-256", s.asked.Consent.TextHash}}, err
}

// put signs and puts a message of Alice on the ledger. The evidence shows what the wallet showed her.
func (s *story) put(ctx context.Context, body func(l consent.Link, salt consent.Hash) consent.Body) (consent.Link, Evidence, error) {
	m, r, err := s.patient.Put(ctx, body)
	if err != nil {
		return consent.Link{}, nil, err
	}
	plain := slices.DeleteFunc(slices.Clone(s.shown), func(f wallet.Field) bool { return f.Detail })
	e := Evidence{
		{"shown", strings.Split(strings.TrimRight(wallet.Text(plain), "\n"), "\n")},
		{"position", r.Position},
		{"commitment", r.Commitment},
		{"proved", "the receipt, against the pinned key"},
	}
	b, ok := m.Body.(consent.SubjectBody)
	if !ok {
		return consent.Link{}, e, fmt.Errorf("%T is of no subject", m.Body)
	}
	return b.Link(), e, nil
}

func (s *story) give(ctx context.Context) (Evidence, error) {
	rs, err := s.patient.API.Requests(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(rs.Requests, func(r api.Asked) bool { return r.ID == s.asked.ID })
	if i < 0 {
		return nil, fmt.Errorf("request %s is not shown to Alice", s.asked.ID)
	}
	r := rs.Requests[i]
	if r.Consent.TextHash != sha256.Sum256([]byte(r.Text)) {
		return nil, fmt.Errorf("the request's words are not those that its consent names")
	}
	l, e, err := s.put(ctx, func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: r.ID, Consent: r.Consent, Salt: salt}
	})
	s.toRosa = l.Seq
	return e, err
}

func (s *story) treat(ctx context.Context) (Evidence, error) {
	except := consent.Coding{System: policies.SystemConfidentiality, Code: "R"}
	_, e, err := s.put(ctx, func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.ConsentGrant{
			Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: consentTo(BobPractice, "TREAT", "", except), Salt: salt,
		}
	})
	return e, err
}

func (s *story) revoke(ctx context.Context) (Evidence, error) {
	_, e, err := s.put(ctx, func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.ConsentRevoke{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: s.toRosa, Salt: salt}
	})
	return e, err
}

func (s *story) erase(ctx context.Context) (Evidence, error) {
	_, e, err := s.put(ctx, func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.Erase{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Reason: "request", Salt: salt}
	})
	return e, err
}

// flowed sums resources up by type.
func flowed(a api.Access) string {
	count := map[string]int{}
	for _, raw := range a.Data {
		var r struct {
			Type string `json:"resourceType"`
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			r.Type = "unreadable"
		}
		count[r.Type]++
	}
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[t], t))
	}
	return fmt.Sprintf("%d resources: %s", len(a.Data), strings.Join(parts, ", "))
}

func (s *story) prove(ctx context.Context) (Evidence, error) {
	v, err := online.Verify(ctx, s.patient.API, s.alice.Book(), s.patient.Subject, false)
	if err != nil {
		return nil, err
	}
	var list []string
	found := false
	for _, e := range slices.Backward(v.Statement.Entries) {
		u := e.Use
		list = append(list, fmt.Sprintf("%d %s %s: %s", u.UseSeq, strings.ToUpper(u.Decision), u.Requester, u.Sentence.Text))
		found = found || e.Index == s.permitted.Use.Index && u.Decision == "permit" && u.Requester == RosaInstitute
	}
	e := Evidence{
		{"uses", list},
		{"log", fmt.Sprintf("%d uses of all patients, root %s", v.Now.Size, v.Now.Root)},
		{"newest", fmt.Sprintf("use %d, leaf %s, as slot %d says", v.Now.UseSeq, v.Now.Head, v.Statement.Slot)},
	}
	if !found {
		return e, fmt.Errorf("the permit of record %d is not in the list", s.permitted.Use.Index)
	}
	return append(e, Item{"proved", "each use is in the log, and none of Alice's is left out"}), s.alice.Save()
}

func (s *story) proveAgain(ctx context.Context) (Evidence, error) {
	if _, err := s.signIn(ctx); err != nil { // sessions ended with the node
		return nil, err
	}
	v, err := online.Verify(ctx, s.patient.API, s.alice.Book(), s.patient.Subject, false)
	if err != nil {
		return nil, err
	}
	looks := 0
	for _, e := range v.Statement.Entries {
		if e.Use.Requester == AurelAudit {
			looks++
		}
	}
	e := Evidence{
		{"new uses", len(v.Statement.Entries)},
		{"by the auditor", looks},
		{"log", fmt.Sprintf("%d uses, root %s; it still holds the %d seen before", v.Now.Size, v.Now.Root, v.Before.Size)},
	}
	if looks == 0 {
		return e, fmt.Errorf("the auditor's looks are not on record")
	}
	return e, s.alice.Save()
}
