package minimise

import (
	"context"
	"encoding/json"
	"io/fs"
	"strings"

	"github.com/volens-ledger/volens/policies/vectors"
)

// VectorSets are the cases {request: {parameter, elements}, input, expected} of FHIR R4.
func VectorSets() []vectors.Set {
	return []vectors.Set{vectors.Lists(runSubsets, "request.parameter", "input", "expected")}
}

type subsetCase struct {
	ID      string
	Request struct {
		Parameter string
		Elements  []string
	}
	Input    json.RawMessage
	Expected json.RawMessage
}

func runSubsets(_ context.Context, _ fs.FS, cases []subsetCase, t *vectors.Tally) error {
	for _, c := range cases {
		name, value, _ := strings.Cut(c.Request.Parameter, "=")
		ask := Ask{Elements: c.Request.Elements}
		if name == "_summary" {
			ask = Ask{Summary: value}
		}
		got, _, err := ask.Apply(c.Input, R4)
		if err != nil {
			got = []byte(err.Error())
		}
		if err := t.Check(c.ID, canonical(c.Expected), canonical(got)); err != nil {
			return err
		}
	}
	return nil
}

// canonical sorts the members of objects.
func canonical(raw []byte) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
