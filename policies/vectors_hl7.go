package policies

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/vectors"
)

// subsumption is a pair of codes, and whether the one granted is the one requested or above it.
type subsumption struct {
	System, Granted, Requested string
	Subsumes                   bool
}

func runSubsumption(_ context.Context, _ fs.FS, cases []subsumption, t *vectors.Tally) error {
	for _, c := range cases {
		id := fmt.Sprintf("%s %s over %s", c.System, c.Granted, c.Requested)
		if err := t.Check(id, strconv.FormatBool(c.Subsumes), strconv.FormatBool(Subsumes(c.System, c.Granted, c.Requested))); err != nil {
			return err
		}
	}
	return nil
}

// combiningCase has consents reduced to what combining needs.
type combiningCase struct {
	ID       string
	Now      string
	Consents []struct {
		ID, Status, Date string
		Decision         consent.Effect
		Period           *fhirPeriod
	}
	Expected struct{ DenyOverrides, MostRecent string }
}

// runCombining runs each case under both algorithms.
func runCombining(ctx context.Context, _ fs.FS, cases []combiningCase, t *vectors.Tally) error {
	for _, a := range []Algorithm{DenyOverrides, MostRecent} {
		e, err := New(Config{Algorithm: a, Timeout: patience})
		if err != nil {
			return err
		}
		for _, c := range cases {
			want := c.Expected.DenyOverrides
			if a == MostRecent {
				want = c.Expected.MostRecent
			}
			if want == "" {
				continue
			}
			got, err := c.decide(ctx, e)
			if err != nil {
				got = err.Error()
			}
			if err := t.Check(c.ID+" "+string(a), want, got); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *combiningCase) decide(ctx context.Context, e *Engine) (string, error) {
	now, err := ParseDate(c.Now)
	if err != nil {
		return "", err
	}
	var records []Record
	for _, k := range c.Consents {
		n := normalised{
			ID: k.ID, Status: k.Status, RecordedAt: k.Date, Period: k.Period, Base: k.Decision,
			Rules: []normalisedRule{{Effect: k.Decision}},
		}
		r, err := n.record()
		if err != nil {
			return "", err
		}
		records = append(records, r)
	}
	d, err := e.Decide(ctx, Request{
		Action: consent.Coding{Code: "access"}, Purpose: consent.Coding{Code: "TREAT"}, Now: now.Start,
	}, records)
	return d.ConsentDecision, err
}
