package gateway_test

import (
	"testing"
	"testing/quick"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
)

// TestAnswerIsWhatJSONWouldWrite compares answers with those that package json writes, for values of every kind.
func TestAnswerIsWhatJSONWouldWrite(t *testing.T) {
	same := func(a api.Access) bool {
		want, err := json.Marshal(&a, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := gateway.AnswerJSON(&a)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Error(d)
		}
		return !t.Failed()
	}
	check := func(d policies.Decision, position consent.Uint64, use *api.UseReceipt, data bool) bool {
		a := api.Access{Decision: d, Position: position, Use: use}
		if data {
			a.Data = append(a.Data, []byte(`{"resourceType":"Observation"}`), []byte(`[1,2]`))
		}
		return same(a)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	same(api.Access{})
	same(api.Access{Decision: policies.Decision{Sentence: policies.Sentence{Text: "é<>&\"\\\n\u2028\x00", Params: map[string]string{"b": "1", "a": "2"}}}})
	bad := api.Access{Decision: policies.Decision{Decision: "\xff"}}
	if _, err := gateway.AnswerJSON(&bad); err == nil {
		t.Error("a text that is no UTF-8 was written")
	}
}

// TestReceiptIsWhatJSONWouldWrite does the same for receipts.
func TestReceiptIsWhatJSONWouldWrite(t *testing.T) {
	check := func(r network.Receipt) bool {
		want, err := json.Marshal(&r, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		return cmp.Diff(string(want), string(gateway.ReceiptJSON(&r))) == ""
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	if !check(network.Receipt{}) {
		t.Error("the empty receipt differs")
	}
}
