package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// TestFHIRCapabilities: whatever the CapabilityStatement declares can be done, and what it does not is not there.
func TestFHIRCapabilities(t *testing.T) {
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	city, patient := w.token(consenttest.CityHospital, "custodian"), w.patient(alice)
	for base, version := range map[string]fhir.Version{api.PathFHIR4: fhir.R4, api.PathFHIR5: fhir.R5} {
		d, err := fhir.Read(example(t, pcfTreat, "Patient/p1", `"2022-06-13"`, `"2022-06-1`+base[len(base)-1:]+`"`), fhir.ReadOptions{})
		w.must(err)
		doc, err := fhir.Write(d, version)
		w.must(err)
		made := into[map[string]any](t, w.send(http.MethodPost, base+"/Consent", city, doc), http.StatusCreated)
		at := base + "/Consent/" + made["id"].(string)
		now := w.send(http.MethodGet, at, city, nil).body
		ended := []byte(strings.Replace(string(now), `"status":"active"`, `"status":"inactive"`, 1))
		event := into[bundle](t, w.send(http.MethodGet, base+"/AuditEvent?_count=1", patient, nil), http.StatusOK).Entry[0].Resource
		var ev struct{ ID string }
		w.must(json.Unmarshal(event, &ev))
		one := func(typ, method, url string, body []byte) []byte {
			return []byte(`{"resourceType":"Bundle","type":"` + typ + `","entry":[{"resource":` + string(body) + `,"request":{"method":"` + method + `","url":"` + url + `"}}]}`)
		}
		tries := map[string]func() reply{
			"batch":                    func() reply { return w.send(http.MethodPost, base, city, one("batch", "POST", "Consent", doc)) },
			"transaction":              func() reply { return w.send(http.MethodPost, base, city, one("transaction", "POST", "Consent", doc)) },
			"Consent read":             func() reply { return w.send(http.MethodGet, at, city, nil) },
			"Consent vread":            func() reply { return w.send(http.MethodGet, at+"/_history/1", city, nil) },
			"Consent history-instance": func() reply { return w.send(http.MethodGet, at+"/_history", city, nil) },
			"Consent create":           func() reply { return w.send(http.MethodPost, base+"/Consent", city, doc) },
			"Consent search-type":      func() reply { return w.send(http.MethodGet, base+"/Consent?patient=p1", city, nil) },
			"Consent update":           func() reply { return w.send(http.MethodPut, at, city, ended) },
			"Consent _id":              func() reply { return w.send(http.MethodGet, base+"/Consent?_id="+at[len(at)-64:], city, nil) },
			"Consent identifier":       func() reply { return w.send(http.MethodGet, base+"/Consent?identifier=x", city, nil) },
			"Consent patient":          func() reply { return w.send(http.MethodGet, base+"/Consent?patient=Patient/p1", city, nil) },
			"Consent status":           func() reply { return w.send(http.MethodGet, base+"/Consent?patient=p1&status=active", city, nil) },
			"Consent date":             func() reply { return w.send(http.MethodGet, base+"/Consent?patient=p1&date=2022", city, nil) },
			"Consent $decide": func() reply {
				return w.send(http.MethodPost, base+"/Consent/$decide", city, decideParams(w.Pseudonym(alice, consenttest.CityHospital)))
			},
			"AuditEvent read":        func() reply { return w.send(http.MethodGet, base+"/AuditEvent/"+ev.ID, patient, nil) },
			"AuditEvent search-type": func() reply { return w.send(http.MethodGet, base+"/AuditEvent", patient, nil) },
			"AuditEvent _id":         func() reply { return w.send(http.MethodGet, base+"/AuditEvent?_id="+ev.ID, patient, nil) },
			"AuditEvent patient": func() reply {
				return w.send(http.MethodGet, base+"/AuditEvent?patient="+alice.Handle.String(), patient, nil)
			},
			"AuditEvent date":    func() reply { return w.send(http.MethodGet, base+"/AuditEvent?date=ge2020", patient, nil) },
			"AuditEvent outcome": func() reply { return w.send(http.MethodGet, base+"/AuditEvent?outcome=0", patient, nil) },
		}
		declared := w.declared(t, base)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(tries)), declared); diff != "" {
			t.Errorf("tried (-) and declared (+): %s", diff)
		}
		for _, name := range declared {
			if r := tries[name](); r.StatusCode != http.StatusOK || strings.Contains(string(r.body), `"status":"4`) {
				t.Errorf("%s %s: %d %s", base, name, r.StatusCode, r.body)
			}
		}
		for _, not := range []struct{ method, path string }{
			{http.MethodDelete, at},
			{http.MethodPatch, at},
			{http.MethodGet, base + "/Consent/_history"},
			{http.MethodGet, base + "/_history"},
			{http.MethodPost, base + "/AuditEvent"},
			{http.MethodGet, base + "/Patient/p1"},
			{http.MethodGet, base + "/AuditEvent/" + ev.ID + "/_history"},
		} {
			if r := w.send(not.method, not.path, city, nil); r.StatusCode < http.StatusBadRequest {
				t.Errorf("%s %s is not declared: %d", not.method, not.path, r.StatusCode)
			}
		}
		stale := strings.Replace(string(one("batch", "PUT", at[len(base)+1:], ended)), `"method"`, `"ifMatch":"W/\"1\"","method"`, 1)
		if r := w.send(http.MethodPost, base, city, []byte(stale)); !strings.Contains(string(r.body), `"status":"409"`) {
			t.Errorf("another version in a batch: %s", r.body)
		}
		never := strings.Replace(string(one("batch", "POST", "Consent", doc)), `"method"`, `"ifNoneExist":"patient=p1","method"`, 1)
		if r := w.send(http.MethodPost, base, city, []byte(never)); !strings.Contains(string(r.body), `"not-supported"`) {
			t.Errorf("a conditional create: %s", r.body)
		}
	}
}

func decideParams(subject string) []byte {
	return []byte(`{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/` + subject + `"}},{"name":"purpose","valueCoding":{"code":"HRESCH"}}]}`)
}

// declared lists what a CapabilityStatement declares: interactions, search parameters and operations of types, and the system's own.
func (w *world) declared(t *testing.T, base string) (all []string) {
	t.Helper()
	type coded struct{ Code, Name string }
	m := into[struct {
		Rest []struct {
			Interaction []coded
			Resource    []struct {
				Type                                string
				Interaction, SearchParam, Operation []coded
			}
		}
	}](t, w.send(http.MethodGet, base+"/metadata", "", nil), http.StatusOK)
	for _, i := range m.Rest[0].Interaction {
		all = append(all, i.Code)
	}
	for _, r := range m.Rest[0].Resource {
		for _, c := range append(r.Interaction, r.SearchParam...) {
			all = append(all, r.Type+" "+c.Code+c.Name)
		}
		for _, o := range r.Operation {
			all = append(all, r.Type+" $"+o.Name)
		}
	}
	slices.Sort(all)
	return all
}

// TestFHIRPublic: what a client reads before it signs in.
func TestFHIRPublic(t *testing.T) {
	w := start(t, nil)
	for base, number := range map[string]string{api.PathFHIR4: "4.0.1", api.PathFHIR5: "5.0.0"} {
		m := into[map[string]any](t, w.send(http.MethodGet, base+"/metadata", "", nil), http.StatusOK)
		if m["resourceType"] != "CapabilityStatement" || m["fhirVersion"] != number {
			t.Errorf("%v", m)
		}
		if r := w.send(http.MethodGet, base+"/Patient/1", "", nil); r.StatusCode != http.StatusNotFound || r.problem(t).Code != consent.NotFound {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
		r := w.send(http.MethodGet, base+"/.well-known/smart-configuration", "", nil)
		if r.StatusCode != http.StatusOK || !strings.Contains(string(r.body), api.PathToken) {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
	}
	city := w.token(consenttest.CityHospital, "custodian")
	_, _ = w.Enrol("p9")
	r5 := example(t, hl7NotMe, "Patient/p9", "Patient/mom", "Patient/p9")
	if r := w.send(http.MethodPost, api.PathFHIR5+"/Consent", city, r5, "Prefer", "return=OperationOutcome"); r.StatusCode != http.StatusCreated || !strings.Contains(string(r.body), `"warning"`) {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if r := w.send(http.MethodPost, api.PathFHIR5+"/Consent", city, r5, "Prefer", "handling=strict"); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	for _, bad := range []string{"", "{}", "null", `{"resourceType":"Patient"}`, strings.Repeat("[", 99)} {
		if r := w.send(http.MethodPost, api.PathFHIR4+"/Consent", city, []byte(bad)); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d %s", bad, r.StatusCode, r.body)
		}
	}
}
