package label

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/vectors"
)

// VectorSets are the cases of SHARES {rules, threshold, resource, expectedLabels}, whose rules stand beside them in
// sensitivity-rules.<rules>.json, and those of LEAP: rules and cases in one file.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		vectors.Lists(runShares, "resource", "rules", "threshold", "expectedLabels"),
		{Fits: func(dir fs.FS) bool { return len(leapFiles(dir)) > 0 }, Run: runLEAP},
	}
}

type sharesCase struct {
	ID, Rules      string
	Threshold      float64
	Resource       json.RawMessage
	ExpectedLabels []consent.Coding
}

func runShares(_ context.Context, dir fs.FS, cases []sharesCase, t *vectors.Tally) error {
	tables := map[string]Table{}
	for _, c := range cases {
		table, ok := tables[c.Rules]
		if !ok {
			raw, err := fs.ReadFile(dir, "sensitivity-rules."+c.Rules+".json")
			if err != nil {
				return err
			}
			if table, err = ParseTable(raw); err != nil {
				return err
			}
			tables[c.Rules] = table
		}
		table.Threshold = c.Threshold
		if err := t.Check(c.ID, plain(c.ExpectedLabels), New(table).plain(c.Resource)); err != nil {
			return err
		}
	}
	return nil
}

// leapFile is rules with cases. A case is one resource, or a Bundle with labels for each entry.
type leapFile struct {
	Table
	Cases []struct {
		ID                     string
		Input                  json.RawMessage
		ExpectedLabels         []consent.Coding
		ExpectedLabelsPerEntry [][]consent.Coding
	}
}

func leapFiles(dir fs.FS) map[string]leapFile {
	names, err := fs.Glob(dir, "*.json")
	if err != nil {
		return nil
	}
	files := map[string]leapFile{}
	for _, name := range names {
		var f leapFile
		if vectors.Load(dir, name, &f) == nil && len(f.Cases) > 0 && len(f.SensitivityRules) > 0 {
			files[name] = f
		}
	}
	return files
}

func runLEAP(_ context.Context, dir fs.FS, t *vectors.Tally) error {
	for _, f := range leapFiles(dir) {
		l := New(f.Table)
		for _, c := range f.Cases {
			want, got := plain(c.ExpectedLabels), l.plain(c.Input)
			if c.ExpectedLabelsPerEntry != nil {
				want, got = "", ""
				for _, labels := range c.ExpectedLabelsPerEntry {
					want += plain(labels)
				}
				var bundle struct {
					Entry []struct{ Resource json.RawMessage }
				}
				if err := json.Unmarshal(c.Input, &bundle); err != nil {
					return err
				}
				for _, e := range bundle.Entry {
					got += l.plain(e.Resource)
				}
			}
			if err := t.Check(c.ID, want, got); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Labeller) plain(raw []byte) string {
	labels, err := l.Read(raw)
	if err != nil {
		return err.Error()
	}
	return plain(labels)
}

// plain writes labels so that equal sets are equal texts.
func plain(cs []consent.Coding) string {
	var out []string
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s|%s", c.System, c.Code))
	}
	slices.Sort(out)
	return "[" + strings.Join(slices.Compact(out), " ") + "]"
}
