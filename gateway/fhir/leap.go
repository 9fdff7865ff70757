package fhir

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/vectors"
)

// leapDecision is a case of LEAP's consent decision service: FHIR Consents, a request by business identifiers, and the
// resources of the actors that the consents name.
type leapDecision struct {
	ID          string
	FHIRVersion Version
	Now         string
	Request     struct {
		Category     []consent.Coding
		PurposeOfUse string
		Actor        []consent.Identifier
		Class        []consent.Coding
	}
	Consents []json.RawMessage
	Actors   map[string]struct{ Identifier []consent.Identifier }
	Expected struct {
		Decision    string
		Obligations *[]policies.Obligation // nil: not asserted
	}
}

// leapWords are LEAP's words for what the consents say.
var leapWords = map[string]string{
	policies.ConsentPermit: "CONSENT_PERMIT", policies.ConsentDeny: "CONSENT_DENY", policies.NoConsent: "NO_CONSENT",
}

func runLEAPDecisions(ctx context.Context, _ fs.FS, cases []leapDecision, t *vectors.Tally) error {
	e, err := policies.New(policies.Config{Algorithm: policies.MostRecent, MemoEntries: -1, Timeout: time.Minute}) // LEAP's algorithm; nobody waits
	if err != nil {
		return err
	}
	for _, c := range cases {
		got, err := c.decide(ctx, e)
		if err != nil {
			got = err.Error()
		}
		want := c.Expected.Decision
		if c.Expected.Obligations != nil {
			want += obliged(*c.Expected.Obligations)
		}
		if err := t.Check(c.ID, want, got); err != nil {
			return err
		}
	}
	return nil
}

func (c *leapDecision) decide(ctx context.Context, e *policies.Engine) (string, error) {
	now, err := policies.ParseDate(c.Now)
	if err != nil {
		return "", err
	}
	var records []policies.Record
	for i, raw := range c.Consents {
		d, err := Read(raw, ReadOptions{Version: c.FHIRVersion})
		if err != nil {
			return "", err
		}
		d.ID = fmt.Sprint(i)
		records = append(records, d.Record())
	}
	d, err := e.Decide(ctx, policies.Request{
		Actors: c.actors(), Action: consent.Coding{Code: "access"}, Purpose: consent.Coding{Code: c.Request.PurposeOfUse},
		Categories: c.Request.Category, ResourceTypes: c.Request.Class, Now: now.Start,
	}, records)
	got := leapWords[d.ConsentDecision]
	if c.Expected.Obligations != nil {
		got += obliged(d.Obligations)
	}
	return got, err
}

// actors are the references of the actors that have one of the identifiers of the request, and the identifiers.
func (c *leapDecision) actors() (refs []string) {
	for _, id := range c.Request.Actor {
		refs = append(refs, id.System+"|"+id.Value)
		for ref, a := range c.Actors {
			if slices.Contains(a.Identifier, id) {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// obliged is obligations as text; the order in which they and their codes are listed says nothing.
func obliged(os []policies.Obligation) string {
	var out []string
	for _, o := range os {
		var codes []string
		for _, c := range o.Parameters.Codes {
			codes = append(codes, c.System+"|"+c.Code)
		}
		for _, c := range o.Parameters.ExceptAnyOfCodes {
			codes = append(codes, "not "+c.System+"|"+c.Code)
		}
		slices.Sort(codes)
		out = append(out, " "+o.ID.Code+" ["+strings.Join(codes, " ")+"]")
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// leapEnforcement is a case of LEAP's enforcement service: a server's answer, the decision for each patient in it, and
// what must be left.
type leapEnforcement struct {
	ID                 string
	UpstreamResponse   json.RawMessage
	DecisionsByPatient map[string]struct {
		Decision    string
		Obligations []policies.Obligation
	}
	Expected struct {
		Status             int
		EntryIDs           []string
		BodyEqualsUpstream bool
	}
}

func runLEAPEnforcement(_ context.Context, _ fs.FS, cases []leapEnforcement, t *vectors.Tally) error {
	for _, c := range cases {
		want := fmt.Sprint(c.Expected.Status, " ", c.Expected.EntryIDs)
		if c.Expected.BodyEqualsUpstream {
			want = fmt.Sprint(c.Expected.Status, " as it is")
		}
		got, err := c.enforce()
		if err != nil {
			got = err.Error()
		}
		if err := t.Check(c.ID, want, got); err != nil {
			return err
		}
	}
	return nil
}

func (c *leapEnforcement) enforce() (string, error) {
	var b bundle
	if err := json.Unmarshal(c.UpstreamResponse, &b); err != nil {
		return "", err
	}
	if b.ResourceType != "Bundle" {
		flows, _, err := c.flows(c.UpstreamResponse)
		if err != nil || !flows {
			return "404", err
		}
		return "200 as it is", nil
	}
	ids := []string{}
	for _, e := range b.Entry {
		flows, id, err := c.flows(e.Resource)
		if err != nil {
			return "", err
		}
		if flows {
			ids = append(ids, id)
		}
	}
	return fmt.Sprint("200 ", ids), nil
}

// flows reports whether a resource flows by the decision for the patient whose it is.
func (c *leapEnforcement) flows(raw json.RawMessage) (bool, string, error) {
	r, err := policies.ParseResource(raw)
	if err != nil {
		return false, "", err
	}
	var of struct{ Subject, Patient Reference }
	if err := json.Unmarshal(raw, &of); err != nil {
		return false, "", err
	}
	d, known := c.DecisionsByPatient[of.Subject.Reference+of.Patient.Reference]
	flows := known && d.Decision == leapWords[policies.ConsentPermit] &&
		!slices.ContainsFunc(d.Obligations, func(o policies.Obligation) bool { return o.Redacts(r) })
	return flows, r.ID, nil
}
