package proxy_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// restricted is a label that Alice's consent keeps back.
const restricted = `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`

// full is an observation that takes up n places of a window.
func full(id string, n int) string {
	var c []string
	for i := range n - 1 {
		c = append(c, `{"resourceType":"Observation","id":"c`+strconv.Itoa(i)+`"}`)
	}
	return observation(id, `,"contained":[`+strings.Join(c, ",")+`]`)
}

// TestTellsNothingOfWhatIsThere wants each request that names a resource to be answered the same whether it is there or not: with no
// consent, with one that denies it, and whoever's it is.
func TestTellsNothingOfWhatIsThere(t *testing.T) {
	h := newHostile(t)
	h.answers["Observation/own"] = full("own", 256)
	h.answers["Observation/known"] = full("known", 255)
	h.answers["Observation/b"] = observation("b", "")
	h.answers["Observation/hers"] = observation("hers", restricted)
	h.answers["Observation/secret"] = observation("secret", `,"subject":{"reference":"Patient/bob"}`)
	for _, id := range []string{"hers", "secret"} {
		h.answers["Observation/"+id+"/_history"] = strings.Replace(searchset("", h.answers["Observation/"+id]), "searchset", "history", 1)
	}
	f := newFront(t, h.URL+"/fhir", nil)
	t.Run("without a consent", func(t *testing.T) { tellsNothing(t, f) })
	f.grant()
	t.Run("with one", func(t *testing.T) { tellsNothing(t, f) })
}

// tellsNothing asks for Observation/ID, which is not there, or is another's or denied.
func tellsNothing(t *testing.T, f *front) {
	t.Helper()
	tokens := map[string]string{} // a member gets 60 a minute
	nobody := `POST Patient {"resourceType":"Patient"}`
	search := `,"encounter":{"reference":"Encounter?status=planned"}`
	for name, c := range map[string]struct {
		scope, method, path, body, header string
	}{
		"a faulty body":                  {"system/*.u", http.MethodPut, "Observation/ID", `{}`, ""},
		"a body that searches":           {"system/*.u", http.MethodPut, "Observation/ID", observation("ID", search), ""},
		"a faulty body in a batch":       {"system/*.u", http.MethodPost, "", asked("batch", "PUT Observation/ID {}"), ""},
		"in a transaction":               {"system/*.u", http.MethodPost, "", asked("transaction", "PUT Observation/ID {}"), ""},
		"a faulty body after a read":     {"system/*.cruds", http.MethodPost, "", asked("transaction", "GET Observation/ID", "POST Observation {}"), ""},
		"a faulty body after a deletion": {"system/*.cruds", http.MethodPost, "", asked("transaction", "DELETE Observation/ID", "POST Observation {}"), ""},
		"a denied creation beside it":    {"system/*.cruds", http.MethodPost, "", asked("transaction", "GET Observation/ID", nobody), ""},
		"a body that fills the window":   {"system/*.cruds", http.MethodPut, "Observation/ID", full("ID", 256), ""},
		"a full window":                  {"system/*.r", http.MethodPost, "", asked("transaction", "GET Observation/own", "GET Observation/ID"), ""},
		"a full window in a batch":       {"system/*.r", http.MethodPost, "", asked("batch", "GET Observation/own", "GET Observation/ID"), ""},
		"a full window of changes": {
			"system/*.cruds", http.MethodPost, "", asked("transaction", "PUT Observation/known "+observation("known", ""), "DELETE Observation/ID"), "",
		},
		"an actor that is none": {"system/*.r", http.MethodGet, "Observation/ID", "", "Volens-Actor: me"},
		"no reason":             {"system/*.r", http.MethodGet, "Observation/ID", "", "Volens-Purpose: BTG"},
		"many elements":         {"system/*.r", http.MethodGet, "Observation/ID?_elements=status," + strings.Repeat("code,", 64) + "value", "", ""},
		"an actor in a batch":   {"system/*.r", http.MethodPost, "", asked("batch", "GET Observation/ID"), "Volens-Actor: me"},
		"a history":             {"system/*.rs", http.MethodGet, "Observation/ID/_history", "", ""},
		"a history in a batch":  {"system/*.rs", http.MethodPost, "", asked("batch", "GET Observation/ID/_history"), ""},
		"what is denied":        {"system/*.r", http.MethodGet, "Observation/ID", "", ""},
	} {
		if tokens[c.scope] == "" {
			f.scope = c.scope
			tokens[c.scope] = f.token()
		}
		var headers []string
		if c.header != "" {
			headers = []string{c.header}
		}
		of := func(id string) string {
			a := f.askWith(tokens[c.scope], c.method, strings.ReplaceAll(c.path, "ID", id), strings.ReplaceAll(c.body, "ID", id), headers...)
			return strconv.Itoa(a.status) + " " + strings.ReplaceAll(a.body, id, "ID")
		}
		none := of("nothing")
		for _, id := range []string{"secret", "hers"} {
			if got := of(id); got != none {
				t.Errorf("%s, %s: %s, and of what is not there %s", name, id, got, none)
			}
		}
	}
}

// TestRefusedTransaction wants a transaction that is refused to leave no permit on record, whatever of it would have been permitted,
// and to take no use of a consent; what denied it is on record.
func TestRefusedTransaction(t *testing.T) {
	h := newHostile(t)
	h.answers["Observation/b"] = observation("b", "")
	h.answers["Observation/s"] = observation("s", restricted)
	h.answers["Observation/both"] = observation("both", `,"subject":[{"reference":"Patient/alice"},{"reference":"Patient/bob"}]`)
	h.answers["Observation/bobs"] = observation("bobs", `,"subject":{"reference":"Patient/bob"}`)
	f := newFront(t, h.URL+"/fhir", nil)
	f.w.Enrol("bob") // who permits nothing
	f.grant()
	change := "PUT Observation/b " + observation("b", "")
	for name, c := range map[string]struct {
		body    string
		actions []string // that are on record with Alice, as denied
	}{
		"one read of two":        {asked("transaction", "GET Observation/b", "GET Observation/s"), []string{"access"}},
		"a read after a change":  {asked("transaction", change, "GET Observation/s"), []string{"access"}},
		"a change beside a read": {asked("transaction", "DELETE Observation/s", "GET Observation/b"), []string{"correct"}},
		"a creation":             {asked("transaction", change, `POST Condition {"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`), []string{"collect"}},
		"both":                   {asked("transaction", "DELETE Observation/s", `POST Condition {"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`), []string{"correct", "collect"}},
		"another patient's":      {asked("transaction", "GET Observation/b", "GET Observation/bobs"), nil},
		"of two patients":        {asked("transaction", "GET Observation/both"), nil},
		"of a patient unknown":   {asked("transaction", change, "POST Observation "+observation("x", `,"subject":{"reference":"Patient/carol"}`)), nil},
	} {
		before := len(f.uses())
		if a := f.ask(http.MethodPost, "", c.body); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		var actions []string
		for _, u := range f.uses()[before:] {
			if actions = append(actions, u.Action.Code); u.Decision != proof.Deny {
				t.Errorf("%s: %s %s of %v is on record", name, u.Decision, u.Action.Code, u.Resources)
			}
		}
		if diff := cmp.Diff(c.actions, actions); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
