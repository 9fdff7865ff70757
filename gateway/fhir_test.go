package gateway_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
)

// bundle is as much of a Bundle as the tests look at.
type bundle struct {
	ResourceType, Type string
	Total              int
	Link               []struct{ Relation, URL string }
	Entry              []struct {
		Resource json.RawMessage
		Response struct {
			Status, Location, Etag string
			Outcome                json.RawMessage
		}
	}
}

func (b bundle) next() string {
	for _, l := range b.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

// into decodes an answer of this status.
func into[T any](t *testing.T, r reply, status int) T {
	t.Helper()
	var v T
	if r.StatusCode != status || r.Header.Get("Content-Type") != "application/fhir+json" {
		t.Fatalf("%s %s: %d %s: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.Header.Get("Content-Type"), r.body)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// example is HL7's or IHE's example, about another patient and in force for ever.
func example(t *testing.T, path, patient string, with ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(with...).Replace(string(raw))
	for _, was := range []string{"Patient/ex-patient", "Patient/f001", "Patient/xcda"} {
		text = strings.ReplaceAll(text, `"`+was+`"`, `"`+patient+`"`)
	}
	return []byte(text)
}

const (
	pcfTreat = "../policies/testdata/ihe-pcf/consents/ex-consent-basic-treat.json"
	hl7NotMe = "fhir/testdata/fhir-consent-r5/Consent-consent-example-notThem.json"
)

// TestFHIRCustodian: a hospital hands over the consents that it has, finds them, and takes them back.
func TestFHIRCustodian(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	city, rosa := w.token(consenttest.CityHospital, "custodian"), w.token(consenttest.RosaInstitute, "")
	doc := example(t, pcfTreat, "Patient/p1", `"status"`, `"identifier": [{"system": "urn:h", "value": "77"}], "status"`)
	r := w.send(http.MethodPost, api.PathFHIR4+"/Consent", city, doc)
	made := into[map[string]any](t, r, http.StatusCreated)
	id, _ := made["id"].(string)
	if !strings.HasSuffix(r.Header.Get("Location"), "/fhir/R4/Consent/"+id+"/_history/1") || !strings.Contains(string(r.body), "sourceReference") {
		t.Fatalf("%v %s", r.Header, r.body)
	}
	if !strings.Contains(string(r.body), `"https://volens.example/fhir/StructureDefinition/signed-by-patient","valueBoolean":false`) {
		t.Errorf("an attested consent is shown as signed: %s", r.body)
	}
	if r := w.send(http.MethodPost, api.PathFHIR4+"/Consent", city, doc); r.StatusCode != http.StatusOK {
		t.Errorf("the same again: %d %s", r.StatusCode, r.body)
	}
	if k := consents(w, me)[3]; k.Kind != "ConsentAttest" || k.Signed || k.Commitment.String() != id {
		t.Errorf("%+v", k)
	}

	for query, want := range map[string]int{
		"?patient=Patient/p1": 1, "?patient=p1": 1, "?identifier=urn:h|77": 1, "?identifier=77": 1, "?identifier=urn:x|77": 0, "?_id=" + id: 1,
		"?patient=p1&status=active": 1, "?patient=p1&status=inactive,rejected": 0, "?patient=p1&status=http://hl7.org/fhir/consent-state-codes|active": 1,
		"?patient=p1&status=urn:other|active": 0, "?patient=p1&identifier=urn:h|": 1, "?patient=p1&identifier=|77": 0, "?patient=p1&date=2021,2022": 1, "?patient=p1&date=2021,2020": 0,
		"?patient=p1&date=ge2022&date=lt2023": 1, "?patient=p1&date=ge2022&date=lt2022": 0, "?patient=p1&date=ge2022-06": 1, "?patient=p1&date=lt2022-06-13": 0,
		"?patient=p1&date=2022": 1, "?patient=nobody": 0, "?patient=p1&identifier=78": 0, "?patient=p1&_count=0": 0,
	} {
		b := into[bundle](t, w.send(http.MethodGet, api.PathFHIR4+"/Consent"+query, city, nil), http.StatusOK)
		if len(b.Entry) != want {
			t.Errorf("%s: %d entries, want %d", query, len(b.Entry), want)
		}
		form := []byte(strings.TrimPrefix(query, "?"))
		b = into[bundle](t, w.send(http.MethodPost, api.PathFHIR5+"/Consent/_search", city, form, "Content-Type", "application/x-www-form-urlencoded"), http.StatusOK)
		if len(b.Entry) != want {
			t.Errorf("POST %s: %d entries, want %d", query, len(b.Entry), want)
		}
	}
	for _, query := range []string{"", "?colour=red", "?patient=p1&_include=x", "?date=soon&patient=p1", "?date=2020,soon&patient=p1", "?patient=p1&_sort=date", "?patient=p1&_count=-1"} {
		if r := w.send(http.MethodGet, api.PathFHIR4+"/Consent"+query, city, nil); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", query, r.StatusCode)
		}
	}
	at := api.PathFHIR4 + "/Consent/" + id
	if r := w.send(http.MethodGet, at, rosa, nil); r.StatusCode != http.StatusForbidden {
		t.Errorf("a researcher reads consents: %d", r.StatusCode)
	}
	for _, other := range []string{strings.Repeat("0", 64), "1", at[len(at)-63:]} {
		if r := w.send(http.MethodGet, api.PathFHIR4+"/Consent/"+other, city, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", other, r.StatusCode)
		}
	}

	changed := strings.Replace(string(w.send(http.MethodGet, at, city, nil).body), `"HPAYMT"`, `"HMARKT"`, 1)
	for name, body := range map[string]string{
		"other words": strings.Replace(changed, `"active"`, `"inactive"`, 1), "still active": strings.Replace(changed, `"HMARKT"`, `"HPAYMT"`, 1),
	} {
		if r := w.send(http.MethodPut, at, city, []byte(body)); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
	ended := []byte(strings.NewReplacer(`"HMARKT"`, `"HPAYMT"`, `"active"`, `"inactive"`).Replace(changed))
	if r := w.send(http.MethodPut, at, city, ended, "If-Match", `W/"2"`); r.StatusCode != http.StatusConflict {
		t.Errorf("another version: %d", r.StatusCode)
	}
	if r := w.send(http.MethodPut, at, city, ended, "If-Match", `W/"1"`); r.StatusCode != http.StatusOK || r.Header.Get("ETag") != `W/"2"` {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if h := into[bundle](t, w.send(http.MethodGet, at+"/_history", city, nil), http.StatusOK); h.Type != "history" || len(h.Entry) != 2 {
		t.Errorf("%+v", h)
	}
	if v := into[map[string]any](t, w.send(http.MethodGet, at+"/_history/1", city, nil), http.StatusOK); v["status"] != "active" {
		t.Errorf("version 1 is %v", v["status"])
	}
	if r := w.send(http.MethodGet, at+"/_history/3", city, nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("version 3: %d", r.StatusCode)
	}
	if k := consents(w, me)[3]; k.Status != consent.Revoked {
		t.Errorf("%+v", k)
	}
	looks := 0
	for _, u := range w.uses(alice, me) {
		if u.Sentence.Code == "custodian-read" {
			looks++
		}
	}
	if looks == 0 {
		t.Error("the custodian's looks are not on record")
	}
}

// TestFHIRPatient: a patient's writes carry what she signed, and the resource says the same or is refused.
func TestFHIRPatient(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	bob, _ := w.Enrol("p2")
	token, other := w.patient(alice), w.patient(bob)
	grant := alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	body, _ := grant.Body.(*consent.ConsentGrant)
	carry := func(m consent.Message, k consent.Consent, status, id string) []byte {
		text, err := json.Marshal(m)
		w.must(err)
		b, err := fhir.Write(fhir.Document{
			ID: id, Status: status, Patient: fhir.Reference{Reference: "Patient/" + alice.Handle.String()}, Consent: k, Message: string(text),
		}, fhir.R5)
		w.must(err)
		return b
	}
	wider := body.Consent
	wider.Provisions = []consent.Provision{{Effect: consent.Permit}}
	base := api.PathFHIR5 + "/Consent"
	if r := w.send(http.MethodPost, base, token, carry(grant, wider, "active", "")); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("other words than she signed: %d %s", r.StatusCode, r.body)
	}
	if r := w.send(http.MethodPost, base, other, carry(grant, body.Consent, "active", "")); r.StatusCode != http.StatusNotFound {
		t.Errorf("by somebody else: %d %s", r.StatusCode, r.body)
	}
	unsigned, err := fhir.Write(fhir.Document{Status: "active", Consent: body.Consent}, fhir.R5)
	w.must(err)
	if r := w.send(http.MethodPost, base, token, unsigned); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without her signature: %d %s", r.StatusCode, r.body)
	}
	made := into[map[string]any](t, w.send(http.MethodPost, base, token, carry(grant, body.Consent, "active", "")), http.StatusCreated)
	alice.Moved(grant)
	id, _ := made["id"].(string)
	at := base + "/" + id
	if r := w.send(http.MethodGet, at, other, nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else reads it: %d", r.StatusCode)
	}
	read := w.send(http.MethodGet, api.PathFHIR4+"/Consent/"+id, token, nil)
	d, err := fhir.Read(read.body, fhir.ReadOptions{Version: fhir.R4, Strict: true})
	if err != nil || !cmp.Equal(d.Consent.Provisions[0].Purposes, body.Consent.Provisions[0].Purposes) || !strings.Contains(string(read.body), `signed-by-patient","valueBoolean":true`) {
		t.Errorf("%v %s", err, read.body)
	}
	if r := w.send(http.MethodPut, at, token, carry(grant, body.Consent, "inactive", id)); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("ended by a grant: %d %s", r.StatusCode, r.body)
	}
	if r := w.send(http.MethodPut, at, token, carry(alice.Revoke(3), body.Consent, "inactive", id)); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if k := consents(w, me)[3]; k.Status != consent.Revoked {
		t.Errorf("%+v", k)
	}
	if b := into[bundle](t, w.send(http.MethodGet, base+"?patient="+bob.Handle.String(), token, nil), http.StatusOK); b.Total != 0 {
		t.Errorf("%+v", b)
	}
}

// TestFHIRPages: pages hold everything once, and their links name nobody.
func TestFHIRPages(t *testing.T) {
	w := start(t, nil)
	_, _ = w.Enrol("p1")
	city := w.token(consenttest.CityHospital, "custodian")
	for i := range 5 {
		doc := example(t, pcfTreat, "Patient/p1", `"2022-06-13"`, `"202`+string(rune('0'+i))+`-06-13"`)
		into[map[string]any](t, w.send(http.MethodPost, api.PathFHIR4+"/Consent", city, doc), http.StatusCreated)
	}
	var ids []string
	for next := api.PathFHIR4 + "/Consent?patient=p1&_count=2&date=ge2020"; next != ""; {
		b := into[bundle](t, w.send(http.MethodGet, next, city, nil), http.StatusOK)
		for _, e := range b.Entry {
			var k struct{ ID string }
			w.must(json.Unmarshal(e.Resource, &k))
			ids = append(ids, k.ID)
		}
		_, next, _ = strings.Cut(b.next(), "/fhir/")
		if next != "" {
			next = "/fhir/" + next
		}
		if strings.Contains(next, "p1") || b.Total != 5 {
			t.Errorf("%d, %s", b.Total, next)
		}
	}
	slices.Sort(ids)
	if len(ids) != 5 || len(slices.Compact(ids)) != 5 {
		t.Errorf("%v", ids)
	}
}

// TestFHIRBundle: an entry stands by itself in a batch; a transaction is taken whole or not at all.
func TestFHIRBundle(t *testing.T) {
	w := start(t, nil)
	_, me1 := w.Enrol("p1")
	_, me2 := w.Enrol("p2")
	city := w.token(consenttest.CityHospital, "custodian")
	entry := func(doc []byte) string {
		return `{"fullUrl":"urn:uuid:1","resource":` + string(doc) + `,"request":{"method":"POST","url":"Consent"}}`
	}
	good := []string{entry(example(t, pcfTreat, "Patient/p1")), entry(example(t, pcfTreat, "Patient/p2"))}
	bad := []string{
		entry(example(t, pcfTreat, "Patient/p3")), entry(example(t, pcfTreat, "Patient/p1", `"active"`, `"draft"`)),
		entry([]byte(`{"resourceType":"Consent","status":"active","colour":"red"}`)), `{"request":{"method":"GET","url":"Consent"}}`,
	}
	send := func(kind string, es ...string) reply {
		return w.send(http.MethodPost, api.PathFHIR4, city, []byte(`{"resourceType":"Bundle","type":"`+kind+`","entry":[`+strings.Join(es, ",")+`]}`))
	}
	if r := send("transaction", append(slices.Clone(good), bad...)...); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(r.body), "Bundle.entry[5]") {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if n := len(consents(w, me1)) + len(consents(w, me2)); n != 0 {
		t.Errorf("%d consents of a refused transaction are there", n)
	}
	statuses := func(b bundle) (out []string) {
		for _, e := range b.Entry {
			if len(e.Response.Outcome) == 0 {
				t.Errorf("an entry without outcome: %+v", e)
			}
			out = append(out, e.Response.Status)
		}
		return out
	}
	b := into[bundle](t, send("batch", append(bad, good...)...), http.StatusOK)
	if diff := cmp.Diff([]string{"404", "422", "422", "422", "201", "201"}, statuses(b)); diff != "" || b.Type != "batch-response" {
		t.Error(diff)
	}
	b = into[bundle](t, send("transaction", good...), http.StatusOK) // again: nothing twice
	if diff := cmp.Diff([]string{"200", "200"}, statuses(b)); diff != "" || len(consents(w, me1)) != 1 {
		t.Error(diff)
	}
	for _, r := range []reply{send("collection"), w.send(http.MethodPost, api.PathFHIR4, city, []byte(`{"resourceType":"Patient"}`))} {
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
	}
}

// TestFHIRDecide: the operation is a decision like any other, on record under its channel.
func TestFHIRDecide(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	token, ask := w.token(consenttest.RosaInstitute, ""), w.research(alice)
	params := func(more string) []byte {
		return []byte(`{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/` + ask.Subject + `"}},
			{"name":"purpose","valueCoding":{"code":"HRESCH"}},{"name":"resourceType","valueCode":"Observation"}` + more + `]}`)
	}
	type answer struct {
		ResourceType string
		Parameter    []struct{ Name, ValueCode, ValueString string }
	}
	for _, base := range []string{api.PathFHIR4, api.PathFHIR5} {
		a := into[answer](t, w.send(http.MethodPost, base+"/Consent/$decide", token, params("")), http.StatusOK)
		if a.ResourceType != "Parameters" || a.Parameter[0].Name != "decision" || a.Parameter[0].ValueCode != "permit" {
			t.Errorf("%+v", a)
		}
	}
	a := into[answer](t, w.send(http.MethodPost, api.PathFHIR4+"/Consent/$decide", token,
		[]byte(strings.Replace(string(params("")), "HRESCH", "HMARKT", 1))), http.StatusOK)
	if a.Parameter[0].ValueCode != "deny" {
		t.Errorf("%+v", a)
	}
	for _, more := range []string{
		`,{"name":"colour","valueString":"red"}`, `,{"name":"purpose","valueCode":"TREAT"}`, `,{"name":"resource","valueString":"x"}`, `,{"name":"actor","colour":1}`,
	} {
		if r := w.send(http.MethodPost, api.PathFHIR4+"/Consent/$decide", token, params(more)); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", more, r.StatusCode, r.body)
		}
	}
	us := w.uses(alice, me)
	n := 0
	for _, u := range us {
		if u.Channel == "fhir" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d uses on record", n)
	}
	audited(t, w, w.patient(alice), len(us))
}

// audited checks the patient's uses as audit events.
func audited(t *testing.T, w *world, token string, least int) {
	t.Helper()
	raw, err := os.ReadFile("fhir/auditevent/testdata/ihe-balp/profiles.json")
	w.must(err)
	profiles, err := auditevent.ParseProfiles(raw)
	w.must(err)
	b := into[bundle](t, w.send(http.MethodGet, api.PathFHIR4+"/AuditEvent?_count=500", token, nil), http.StatusOK)
	if b.Total < least {
		t.Errorf("%d events, want %d", b.Total, least)
	}
	for _, e := range b.Entry {
		var ev struct {
			ID   string
			Meta struct{ Profile []string }
		}
		var tree map[string]any
		w.must(json.Unmarshal(e.Resource, &ev))
		w.must(json.Unmarshal(e.Resource, &tree))
		if wrong := profiles[ev.Meta.Profile[0]].Check(tree); len(wrong) > 0 {
			t.Errorf("%s: %q", ev.ID, wrong)
		}
		one := into[map[string]any](t, w.send(http.MethodGet, api.PathFHIR5+"/AuditEvent/"+ev.ID, token, nil), http.StatusOK)
		if one["id"] != ev.ID || one["code"] == nil {
			t.Errorf("%v", one)
		}
	}
	denied := into[bundle](t, w.send(http.MethodGet, api.PathFHIR4+"/AuditEvent?outcome=8", token, nil), http.StatusOK)
	if denied.Total != 1 {
		t.Errorf("%d denials", denied.Total)
	}
	for _, id := range []string{"use-999999", "use-x", "1"} {
		if r := w.send(http.MethodGet, api.PathFHIR4+"/AuditEvent/"+id, token, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", id, r.StatusCode)
		}
	}
}
