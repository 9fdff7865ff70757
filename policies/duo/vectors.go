package duo

import (
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/policies/vectors"
)

// VectorSets are DUOS' cases {algorithm, purpose, dataset, diseaseAncestors, expected} and DUO's own table, duo.csv.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		vectors.Lists(runMatches, "algorithm", "purpose", "dataset", "expected"),
		{Fits: func(dir fs.FS) bool { return len(tables(dir)) > 0 }, Run: runTables},
	}
}

type matchCase struct {
	ID, Algorithm, Expected string
	Purpose, Dataset        Use
	DiseaseAncestors        Ancestors
}

func runMatches(_ context.Context, _ fs.FS, cases []matchCase, t *vectors.Tally) error {
	algorithms := map[string]func(p, d Use, above Ancestors) Verdict{"V3": MatchV3, "V4": MatchV4}
	for _, c := range cases {
		got := "no algorithm " + c.Algorithm
		if a, ok := algorithms[c.Algorithm]; ok {
			got = string(a(c.Purpose, c.Dataset, c.DiseaseAncestors))
		}
		if err := t.Check(c.ID, c.Expected, got); err != nil {
			return err
		}
	}
	return nil
}

// tables are CSV files with DUO's columns.
func tables(dir fs.FS) map[string][][]string {
	names, err := fs.Glob(dir, "*.csv")
	if err != nil {
		return nil
	}
	found := map[string][][]string{}
	for _, name := range names {
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		if err == nil && len(rows) > 1 && slices.Equal(rows[0], []string{"id", "shorthand", "label", "description"}) {
			found[name] = rows[1:]
		}
	}
	return found
}

func runTables(_ context.Context, dir fs.FS, t *vectors.Tally) error {
	for _, rows := range tables(dir) {
		for _, row := range rows {
			term, _ := Lookup(row[0])
			if err := t.Check(row[0], fmt.Sprint(row[:3]), fmt.Sprint([]string{term.ID, term.Shorthand, term.Label})); err != nil {
				return err
			}
		}
	}
	return nil
}
