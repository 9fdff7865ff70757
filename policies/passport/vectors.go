package passport

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/volens-ledger/volens/policies/vectors"
)

// VectorSets are the public cases on conditions, patterns, expiry, linked identities and types.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		vectors.Lists(runConditions, "conditions", "otherVisas", "satisfied"),
		vectors.Lists(runPatterns, "pattern", "value", "match"),
		vectors.Lists(runExpiry, "requestedTTL", "exp", "asserted", "valid"),
		vectors.Lists(runGraph, "visaIdentities", "links", "singleIdentity"),
		vectors.Lists(runLinked, "value", "identities"),
		vectors.Lists(runTypes, "type", "valid", "custom"),
	}
}

func truth(t *vectors.Tally, id string, want, got bool) error {
	return t.Check(id, strconv.FormatBool(want), strconv.FormatBool(got))
}

type conditionCase struct {
	ID         string
	Conditions [][]map[string]string
	OtherVisas []json.RawMessage
	Satisfied  bool
}

func runConditions(_ context.Context, _ fs.FS, cases []conditionCase, t *vectors.Tally) error {
	for _, c := range cases {
		var others []Assertion
		for _, raw := range c.OtherVisas {
			var a Assertion
			if err := json.Unmarshal(raw, &a); err != nil {
				return fmt.Errorf("%s: %w", c.ID, err)
			}
			others = append(others, a)
		}
		if err := truth(t, c.ID, c.Satisfied, Satisfied(c.Conditions, others)); err != nil {
			return err
		}
	}
	return nil
}

func runPatterns(_ context.Context, _ fs.FS, cases []struct {
	ID, Pattern, Value string
	Match              bool
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		if err := truth(t, c.ID, c.Match, Matches(c.Pattern, c.Value)); err != nil {
			return err
		}
	}
	return nil
}

func runExpiry(_ context.Context, _ fs.FS, cases []struct {
	ID                               string
	Now, RequestedTTL, Exp, Asserted int64
	MaxAuthzTTL                      *int64
	Valid                            bool
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		if err := truth(t, c.ID, c.Valid, Lasts(c.Now, c.RequestedTTL, c.Exp, c.Asserted, c.MaxAuthzTTL)); err != nil {
			return err
		}
	}
	return nil
}

func runGraph(_ context.Context, _ fs.FS, cases []struct {
	ID             string
	VisaIdentities int
	Links          [][2]int
	SingleIdentity bool
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		if err := truth(t, c.ID, c.SingleIdentity, OnePerson(c.VisaIdentities, c.Links)); err != nil {
			return err
		}
	}
	return nil
}

func runLinked(_ context.Context, _ fs.FS, cases []struct {
	ID, Value  string
	Identities [][2]string
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		var got [][2]string
		if ids, err := ParseLinked(c.Value); err == nil {
			for _, i := range ids {
				got = append(got, [2]string{i.Subject, i.Issuer})
			}
		}
		if err := t.Check(c.ID, fmt.Sprint(c.Identities), fmt.Sprint(got)); err != nil {
			return err
		}
	}
	return nil
}

func runTypes(_ context.Context, _ fs.FS, cases []struct {
	Type          string
	Valid, Custom bool
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		valid, custom := Type(c.Type)
		if err := t.Check(c.Type, fmt.Sprint(c.Valid, c.Custom), fmt.Sprint(valid, custom)); err != nil {
			return err
		}
	}
	return nil
}
