package demodata_test

import (
	"testing"

	"github.com/volens-ledger/volens/cmd/volens/demodata"
	"github.com/volens-ledger/volens/policies"
)

func TestResources(t *testing.T) {
	for id, want := range map[string]int{demodata.Alice: 15, demodata.Visitor: 4, "MRN-0": 0} {
		rs, err := demodata.Store{}.Resources(t.Context(), id)
		if err != nil || len(rs) != want {
			t.Fatalf("%s has %d resources, %v; want %d", id, len(rs), err, want)
		}
		marked := 0
		for _, raw := range rs {
			r, err := policies.ParseResource(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range r.Labels {
				if l.Code == "R" {
					marked++
				}
			}
			if len(r.Labels) != 1 {
				t.Errorf("%s/%s has labels %v", r.Type, r.ID, r.Labels)
			}
		}
		if marked != demodata.Restricted(id) {
			t.Errorf("%s: %d resources are restricted, want %d", id, marked, demodata.Restricted(id))
		}
	}
}
