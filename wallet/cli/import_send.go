package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// importing is how consents are sent.
type importing struct {
	m      *client.Client
	strict bool

	mu     sync.Mutex
	opened map[string]bool // record numbers that were seen to; nil: no handles are opened
}

// some sends a batch, what is R4 to the one interface and what is R5 to the other.
func (in *importing) some(ctx context.Context, batch []found) (sum imported, notes []string, err error) {
	by := map[fhir.Version][]found{}
	var patients []fhir.Reference
	for _, f := range batch {
		d, err := fhir.Read(f.raw, fhir.ReadOptions{Strict: in.strict})
		if err != nil {
			sum.Refused++
			notes = append(notes, f.where+": "+strings.TrimPrefix(err.Error(), "read FHIR Consent: "))
			continue
		}
		by[d.Version] = append(by[d.Version], f)
		patients = append(patients, d.Patient)
	}
	if err := in.open(ctx, patients); err != nil {
		return sum, notes, err
	}
	for v, base := range map[fhir.Version]string{fhir.R4: api.PathFHIR4, fhir.R5: api.PathFHIR5} {
		if len(by[v]) == 0 || err != nil {
			continue
		}
		var more imported
		var lines []string
		more, lines, err = sendBatch(ctx, in.m, base, by[v])
		sum = imported{New: sum.New + more.New, There: sum.There + more.There, Refused: sum.Refused + more.Refused, Warnings: sum.Warnings + more.Warnings}
		notes = append(notes, lines...)
	}
	return sum, notes, err
}

// openers is how many handles are opened at once; they share syncs of the disk.
const openers = 64

// open opens a handle for each of these patients who has none, if that is asked for. Batches take turns, so that none is sent
// before its patients are there.
func (in *importing) open(ctx context.Context, patients []fhir.Reference) error {
	if in.opened == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx) // one that cannot be opened is told, not all of them
	group.SetLimit(openers)
	for _, p := range patients {
		record := recordOf(p)
		if record == "" || in.opened[record] {
			continue
		}
		in.opened[record] = true
		group.Go(func() error {
			if _, err := in.m.Enrol(ctx, api.Enrolment{LocalID: record}); err != nil && consent.CodeOf(err) != consent.Exists {
				return fmt.Errorf("open a handle: %w", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// recordOf is the record number of a patient, as the gateway looks for it: her id, or system|value where she has none.
func recordOf(patient fhir.Reference) string {
	names := patient.Names()
	if len(names) == 0 {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(names[0], "Patient/"), "|")
}

// importEntry is an entry of a batch and of its answer.
type importEntry struct {
	Resource json.RawMessage   `json:"resource,omitempty"`
	Request  map[string]string `json:"request,omitempty"`
	Response *struct {
		Status  string `json:"status"`
		Outcome fhir.Outcome
	} `json:"response,omitempty"`
}

func sendBatch(ctx context.Context, m *client.Client, base string, batch []found) (sum imported, notes []string, err error) {
	type bundle struct {
		ResourceType string        `json:"resourceType"`
		Type         string        `json:"type"`
		Entry        []importEntry `json:"entry"`
	}
	out := bundle{"Bundle", "batch", make([]importEntry, len(batch))}
	for i, f := range batch {
		out.Entry[i] = importEntry{Resource: f.raw, Request: map[string]string{"method": "POST", "url": "Consent"}}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return sum, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	answer, err := m.Bundle(ctx, base, body)
	if err != nil {
		return sum, nil, err
	}
	var back bundle
	if err := json.Unmarshal(answer, &back); err != nil || len(back.Entry) != len(batch) {
		return sum, nil, fmt.Errorf("read the gateway's answer: it has %d entries, not %d", len(back.Entry), len(batch))
	}
	return tallied(batch, back.Entry)
}

// tallied counts the answers to a batch.
func tallied(batch []found, entries []importEntry) (sum imported, notes []string, err error) {
	for i, e := range entries {
		if e.Response == nil {
			return sum, nil, fmt.Errorf("read the gateway's answer: entry %d has no response", i)
		}
		said := e.Response.Outcome.Issue
		switch e.Response.Status {
		case "201":
			sum.New++
		case "200":
			sum.There++
		default:
			sum.Refused++
			notes = append(notes, batch[i].where+": "+(&fhir.RefusedError{Issues: said}).Error())
		}
		for _, is := range said {
			if is.Severity == fhir.Warning {
				sum.Warnings++
				break
			}
		}
	}
	return sum, notes, nil
}
