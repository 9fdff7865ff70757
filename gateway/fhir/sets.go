package fhir

import (
	"context"
	"encoding/json"
	"io/fs"
	"path"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/vectors"
)

// Importer returns a policies.Importer for FHIR Consents: one, or a Bundle of them. found, when it is not nil, is told what
// was noticed in each.
func Importer(o ReadOptions, found func(d Document)) policies.Importer {
	return func(raw []byte) (records []policies.Record, ok bool, err error) {
		var b bundle
		if json.Unmarshal(raw, &b) != nil || b.ResourceType != "Consent" && b.ResourceType != "Bundle" {
			return nil, false, nil //nolint:nilerr // not in this form
		}
		if b.ResourceType == "Consent" {
			b.Entry = []bundleEntry{{Resource: raw}}
		}
		for _, e := range b.Entry {
			if !Is(e.Resource) {
				continue
			}
			d, err := Read(e.Resource, o)
			if err != nil {
				return nil, true, err
			}
			if found != nil {
				found(d)
			}
			records = append(records, d.Record())
		}
		return records, true, nil
	}
}

type bundle struct {
	ResourceType string        `json:"resourceType"`
	Entry        []bundleEntry `json:"entry"`
}

type bundleEntry struct {
	Resource json.RawMessage `json:"resource"`
}

// Record is the document as a decision sees it. It counts as attested: FHIR carries no signature of the patient's key.
func (d Document) Record() policies.Record {
	return policies.Record{ID: d.ID, Status: d.Status, Date: d.Consent.RecordedAt, Consent: d.Consent, Attested: true}
}

// VectorSets returns the kinds of cases that this package runs. FHIR Consents with their neutral reading, in a file
// normalised.json or _normalised.json beside them or around a folder consents: each must be read as it says, and be the
// same after it was written, as R4 and as R5, and read again. And LEAP's decisions and their enforcement.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		{Fits: func(dir fs.FS) bool { return readingFile(dir) != "" }, Run: runReadings},
		vectors.Lists(runLEAPDecisions, "fhirVersion", "consents", "request.purposeOfUse", "expected.decision"),
		vectors.Lists(runLEAPEnforcement, "upstreamResponse", "decisionsByPatient", "expected"),
	}
}

// reading is a case: a file and what it says.
type reading struct {
	File     string          `json:"file"`
	Expected json.RawMessage `json:"expected"`
}

// readingFile names the file of readings, "" when there is none beside any Consent.
func readingFile(dir fs.FS) string {
	for _, name := range []string{"normalised.json", "_normalised.json"} {
		var cases []reading
		if vectors.Load(dir, name, &cases) != nil || len(cases) == 0 {
			continue
		}
		if _, err := consentFile(dir, cases[0].File); err == nil {
			return name
		}
	}
	return ""
}

func consentFile(dir fs.FS, name string) ([]byte, error) {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		raw, err = fs.ReadFile(dir, path.Join("consents", name))
	}
	return raw, err
}

func runReadings(_ context.Context, dir fs.FS, t *vectors.Tally) error {
	var cases []reading
	if err := vectors.Load(dir, readingFile(dir), &cases); err != nil {
		return err
	}
	for _, c := range cases {
		raw, err := consentFile(dir, c.File)
		if err != nil {
			return err
		}
		if err := c.run(raw, t); err != nil {
			return err
		}
	}
	return nil
}

func (c reading) run(raw []byte, t *vectors.Tally) error {
	want, err := c.want()
	if err != nil {
		return err
	}
	d, err := Read(raw, ReadOptions{})
	if err != nil {
		return t.Check(c.File, want, err.Error())
	}
	if err := t.Check(c.File, want, told(d.Record(), d)); err != nil {
		return err
	}
	for _, v := range []Version{R4, R5} {
		got := ""
		if b, err := Write(d, v); err != nil {
			got = err.Error()
		} else if again, err := Read(b, ReadOptions{Strict: true}); err != nil {
			got = err.Error()
		} else {
			got = told(again.Record(), again)
		}
		if err := t.Check(c.File+" written as "+string(v), want, got); err != nil {
			return err
		}
	}
	return nil
}

// want is the neutral reading in the form of told.
func (c reading) want() (string, error) {
	rs, err := policies.ReadConsents(c.Expected)
	if err != nil {
		return "", err
	}
	var n struct {
		Subject  string   `json:"subject"`
		Policy   []string `json:"policy"`
		Grantors []string `json:"grantors"`
		Grantees []string `json:"grantees"`
		Holders  []string `json:"custodians"`
	}
	if err := json.Unmarshal(c.Expected, &n); err != nil {
		return "", err
	}
	r := rs[0]
	r.Consent.Policies, r.Consent.Grantors, r.Consent.Grantees, r.Consent.Controllers = n.Policy, n.Grantors, n.Grantees, n.Holders
	return told(r, Document{Patient: Reference{Reference: n.Subject}}), nil
}

// told is everything that a reading says, as text that can be compared.
func told(r policies.Record, d Document) string {
	r.Attested = false
	r.Consent = tidy(r.Consent)
	b, err := json.Marshal(struct {
		Subject string
		Record  policies.Record
	}{d.Patient.Reference, r})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tidy makes lists without values alike.
func tidy(c consent.Consent) consent.Consent {
	for _, l := range []*[]string{&c.Grantors, &c.Grantees, &c.Controllers, &c.Policies} {
		*l = append([]string{}, *l...)
	}
	c.Categories, c.Identifiers = append([]consent.Coding{}, c.Categories...), append([]consent.Identifier{}, c.Identifiers...)
	c.Provisions = slices.Clone(c.Provisions)
	for i := range c.Provisions {
		p := &c.Provisions[i]
		for _, l := range []*[]consent.Coding{&p.Roles, &p.Actions, &p.Purposes, &p.ResourceTypes, &p.Codes, &p.Labels} {
			*l = append([]consent.Coding{}, *l...)
		}
		p.Recipients, p.Data = append([]consent.Recipient{}, p.Recipients...), append([]consent.DataReference{}, p.Data...)
	}
	return c
}
