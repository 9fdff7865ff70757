package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Importer turns the JSON of consents in a form of its own, such as FHIR, into records. ok is false when the form is
// another's.
type Importer func(raw []byte) (records []Record, ok bool, err error)

// OfflineInput is what a decision without a server needs, as files hold it.
type OfflineInput struct {
	Consents  [][]byte                           // each one consent or a list of them, see ReadConsents
	Request   []byte                             // a Request; its resources may be FHIR resources as they are
	Now       string                             // FHIR date or dateTime, its first instant; "": that of the request
	Study     func(q Request, rs []Record) error // sets Record.Unfit by what is said of the study; nil: nothing is
	Importers []Importer                         // tried before the forms that ReadConsents knows
	Config    Config
}

// DecideOffline decides as a server would, with the same code.
func DecideOffline(ctx context.Context, in OfflineInput) (Decision, error) {
	req, err := readRequest(in.Request)
	if err != nil {
		return faulty(), fmt.Errorf("decide offline: %w", err)
	}
	if in.Now != "" {
		now, err := ParseDate(in.Now)
		if err != nil {
			return faulty(), fmt.Errorf("decide offline: %w", err)
		}
		req.Now = now.Start
	}
	var records []Record
	for i, raw := range in.Consents {
		rs, err := ReadConsents(raw, in.Importers...)
		if err != nil {
			return faulty(), fmt.Errorf("decide offline: consents %d: %w", i, err)
		}
		records = append(records, rs...)
	}
	if in.Study != nil {
		if err := in.Study(req, records); err != nil {
			return faulty(), fmt.Errorf("decide offline: %w", err)
		}
	}
	if in.Config.Timeout == 0 {
		in.Config.Timeout = patience
	}
	e, err := New(in.Config)
	if err != nil {
		return faulty(), fmt.Errorf("decide offline: %w", err)
	}
	return e.Decide(ctx, req, records)
}

// ReadConsents reads one consent or a list of them: a Record, a bare consent.Consent (taken as active), or the normalised
// form of the vector sets, and what the importers know.
func ReadConsents(raw []byte, importers ...Importer) ([]Record, error) {
	for _, read := range importers {
		if rs, ok, err := read(raw); ok || err != nil {
			return rs, err
		}
	}
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil {
		return readConsent(raw, importers)
	}
	var out []Record
	for i, one := range many {
		rs, err := ReadConsents(one, importers...)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		out = append(out, rs...)
	}
	return out, nil
}

// readConsent knows a form by its fields.
func readConsent(raw []byte, importers []Importer) ([]Record, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	var r Record
	var err error
	switch {
	case fields["consent"] != nil:
		err = strictly(raw, &r)
	case fields["provisions"] != nil:
		r.Status = Active
		err = strictly(raw, &r.Consent)
	case fields["expected"] != nil:
		return ReadConsents(fields["expected"], importers...)
	case fields["rules"] != nil:
		r, err = parseNormalised(raw)
	default:
		err = errors.New("it is neither a record, nor a consent of ours, nor in normalised form")
	}
	if err == nil {
		err = r.Consent.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	return []Record{r}, nil
}

// readRequest reads a Request. Its instant may be left out, and a resource with a resourceType is FHIR.
func readRequest(raw []byte) (Request, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	var resources []json.RawMessage
	if fields["resources"] != nil {
		if err := json.Unmarshal(fields["resources"], &resources); err != nil {
			return Request{}, fmt.Errorf("read request: resources: %w", err)
		}
		delete(fields, "resources")
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	var req Request
	if err := strictly(rest, &req); err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	for i, one := range resources {
		var kind struct {
			ResourceType string `json:"resourceType"`
		}
		var r Resource
		if err := json.Unmarshal(one, &kind); err == nil && kind.ResourceType != "" {
			r, err = ParseResource(one)
			if err != nil {
				return Request{}, fmt.Errorf("read request: resource %d: %w", i, err)
			}
		} else if err := strictly(one, &r); err != nil {
			return Request{}, fmt.Errorf("read request: resource %d: %w", i, err)
		}
		req.Resources = append(req.Resources, r)
	}
	return req, nil
}

// strictly refuses fields that are not known: a misspelt restriction must not be dropped.
func strictly(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// patience is the time limit of one evaluation where nobody waits for it.
const patience = time.Minute
