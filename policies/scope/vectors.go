package scope

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/policies/vectors"
)

// VectorSets are the cases {scope, valid}, {scopes, interaction, allowed} and {a, b, equivalent}.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		vectors.Lists(runParse, "scope", "valid"),
		vectors.Lists(runAccess, "scopes", "interaction", "allowed"),
		vectors.Lists(runEquivalence, "a", "b", "equivalent"),
	}
}

type parseCase struct {
	Scope, Level, Resource, Actions, Kind string
	Valid                                 bool
	Version                               int
	Params                                [][2]string
}

func runParse(_ context.Context, _ fs.FS, cases []parseCase, t *vectors.Tally) error {
	for _, c := range cases {
		got := parseCase{Scope: c.Scope}
		if s, err := Parse(c.Scope); err == nil {
			got = parseCase{Scope: c.Scope, Valid: true, Level: s.Level, Resource: s.Type, Actions: s.Actions, Version: s.Version}
			if s.Level == "" {
				got.Kind = "other"
			}
			for _, p := range s.Params {
				got.Params = append(got.Params, [2]string{p.Name, p.Value})
			}
		}
		if err := t.Check(strconv.Quote(c.Scope), fmt.Sprint(c), fmt.Sprint(got)); err != nil {
			return err
		}
	}
	return nil
}

type accessCase struct {
	ID                        string
	Scopes                    []string
	ResourceType, Interaction string
	ResourceMatches           [][2]string
	Allowed                   bool
}

func runAccess(_ context.Context, _ fs.FS, cases []accessCase, t *vectors.Tally) error {
	for _, c := range cases {
		got := parseAll(c.Scopes).Allows(c.Interaction, c.ResourceType, func(p Param) bool {
			return slices.Contains(c.ResourceMatches, [2]string{p.Name, p.Value})
		})
		if err := t.Check(c.ID, strconv.FormatBool(c.Allowed), strconv.FormatBool(got)); err != nil {
			return err
		}
	}
	return nil
}

func runEquivalence(_ context.Context, _ fs.FS, cases []struct {
	A, B       []string
	Equivalent bool
}, t *vectors.Tally,
) error {
	for _, c := range cases {
		id := strings.Join(c.A, " ") + " = " + strings.Join(c.B, " ")
		if err := t.Check(id, strconv.FormatBool(c.Equivalent), strconv.FormatBool(Equivalent(parseAll(c.A), parseAll(c.B)))); err != nil {
			return err
		}
	}
	return nil
}
