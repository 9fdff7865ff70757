package access_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

func TestPseudonyms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	one, other := access.NewPseudonyms([32]byte{1}), access.NewPseudonyms([32]byte{2})
	members := []consent.MemberID{"a", "b", "a-b", ""}
	seen := map[string]bool{}
	for range 2000 {
		var h consent.SubjectID
		for i := range h {
			h[i] = byte(r.Uint32())
		}
		for _, m := range members {
			for _, p := range []access.Pseudonyms{one, other} {
				name, err := p.Of(m, h)
				if err != nil || seen[name] || name == h.String() {
					t.Fatalf("%s twice, or %v", name, err)
				}
				seen[name] = true
				back, err := p.Handle(m, name)
				if err != nil || back != h {
					t.Fatalf("%s comes back as %s (%v)", h, back, err)
				}
			}
		}
		name, err := one.Of("a", h)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []access.Pseudonyms{other} {
			if back, err := wrong.Handle("a", name); err != nil || back == h {
				t.Fatal("another secret opens it")
			}
		}
		if back, err := one.Handle("b", name); err != nil || back == h {
			t.Fatal("another member's name opens it")
		}
		if again, err := access.NewPseudonyms([32]byte{1}).Of("a", h); err != nil || again != name {
			t.Fatalf("%s after a restart, %s before (%v)", again, name, err)
		}
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 32), strings.Repeat("a", 31), strings.Repeat("a", 33), strings.Repeat("é", 16)} {
		if _, err := one.Handle("a", bad); consent.CodeOf(err) != consent.Malformed {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheck(t *testing.T) {
	good := func() api.AccessRequest {
		return api.AccessRequest{Subject: strings.Repeat("0", 32), Purpose: consent.Coding{Code: "TREAT"}}
	}
	for name, tc := range map[string]struct {
		change func(*api.AccessRequest)
		want   consent.Code
	}{
		"good": {func(*api.AccessRequest) {}, ""},
		"an actor": {func(r *api.AccessRequest) {
			r.Actor = api.Actor{Reference: "Practitioner/bob.1-2", Groups: []string{"CareTeam/x"}}
		}, ""},
		"no name":        {func(r *api.AccessRequest) { r.Subject = "" }, consent.Malformed},
		"a name":         {func(r *api.AccessRequest) { r.Subject = "Alice Liddell" }, consent.Malformed},
		"no purpose":     {func(r *api.AccessRequest) { r.Purpose = consent.Coding{} }, consent.Malformed},
		"another's":      {func(r *api.AccessRequest) { r.Actor.Reference = "Organization/city-hospital" }, consent.Malformed},
		"prefixed":       {func(r *api.AccessRequest) { r.Actor.Reference = "city-hospital:Practitioner/bob" }, consent.Malformed},
		"a patient":      {func(r *api.AccessRequest) { r.Actor.Groups = []string{"Patient/1"} }, consent.Malformed},
		"a path":         {func(r *api.AccessRequest) { r.Actor.Reference = "Practitioner/../x" }, consent.Malformed},
		"two lines":      {func(r *api.AccessRequest) { r.Actor.Reference = "Practitioner/bob\n" }, consent.Malformed},
		"long":           {func(r *api.AccessRequest) { r.Actor.Reference = "Practitioner/" + strings.Repeat("x", 65) }, consent.Malformed},
		"many groups":    {func(r *api.AccessRequest) { r.Actor.Groups = make17("Group/x") }, consent.TooLarge},
		"many resources": {func(r *api.AccessRequest) { r.Resources = make([]policies.Resource, access.MaxResources+1) }, consent.TooLarge},
		"no reason":      {func(r *api.AccessRequest) { r.Purpose.Code = "BTG" }, consent.Malformed},
		"a reason":       {func(r *api.AccessRequest) { r.Purpose.Code, r.Emergency = "BTG", "a fall" }, ""},
		"a long reason":  {func(r *api.AccessRequest) { r.Emergency = strings.Repeat("x", 1001) }, consent.TooLarge},
		"a long id":      {func(r *api.AccessRequest) { r.RequestID = strings.Repeat("x", 129) }, consent.TooLarge},
	} {
		r := good()
		tc.change(&r)
		err := access.Check(r)
		if consent.CodeOf(err) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Alice") {
			t.Errorf("%s: the error repeats the request: %v", name, err)
		}
	}
}

func make17(s string) []string {
	out := make([]string, 17)
	for i := range out {
		out[i] = s
	}
	return out
}
