package duo_test

import (
	"bytes"
	"testing"

	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, duo.VectorSets()...)
	if err != nil || failed > 0 || passed < 62 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

// TestMatch has what the public cases leave open, and where ours differs from V4.
func TestMatch(t *testing.T) {
	yes := new(bool)
	*yes = true
	gru, hmb := duo.Use{GeneralUse: yes}, duo.Use{HMBResearch: yes}
	poa, ds := duo.Use{Ancestry: yes}, duo.Use{DiseaseRestrictions: []string{"flu"}}
	for name, c := range map[string]struct {
		purpose, data duo.Use
		v4, ours      duo.Verdict
	}{
		"general of a disease":  {gru, ds, duo.Approve, duo.Deny},
		"general of ancestry":   {gru, poa, duo.Approve, duo.Deny},
		"general of health":     {gru, hmb, duo.Deny, duo.Deny},
		"health of a disease":   {hmb, ds, duo.Deny, duo.Deny},
		"a disease of health":   {ds, hmb, duo.Approve, duo.Approve},
		"a disease of ancestry": {ds, poa, duo.Deny, duo.Deny},
		"ancestry of all":       {poa, gru, duo.Approve, duo.Approve},
		"nothing":               {duo.Use{}, gru, duo.Abstain, duo.Abstain},
	} {
		if got := duo.MatchV4(c.purpose, c.data, nil); got != c.v4 {
			t.Errorf("%s: V4 says %s", name, got)
		}
		if got := duo.Match(c.purpose, c.data, nil); got != c.ours {
			t.Errorf("%s: we say %s", name, got)
		}
	}
	below := duo.Use{DiseaseRestrictions: []string{"bird flu"}}
	if got := duo.Match(below, ds, duo.Ancestors{"bird flu": {"flu"}}); got != duo.Approve {
		t.Errorf("a disease below: %s", got)
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		granted, requested string
		want               bool
	}{
		{"GRU", "DS", true},
		{"HMB", "GRU", false},
		{"NPUNCU", "NPU", true},
		{"DUO:0000042", "HMB", true},
		{"NPOA", "DUO:00000044", true},
		{"GRU", "nonsense", false},
		{"nonsense", "nonsense", false},
	} {
		if got := duo.Covers(c.granted, c.requested); got != c.want {
			t.Errorf("%s over %s: %v", c.granted, c.requested, got)
		}
	}
}
