package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// fhirParameter is a parameter of an operation, in and out.
type fhirParameter struct {
	Name           string          `json:"name"`
	ValueString    string          `json:"valueString,omitempty"`
	ValueCode      string          `json:"valueCode,omitempty"`
	ValueCoding    *fhirCoding     `json:"valueCoding,omitempty"`
	ValueReference *fhirReference  `json:"valueReference,omitempty"`
	Resource       json.RawMessage `json:"resource,omitempty"`
	Part           []fhirParameter `json:"part,omitempty"`
}

type fhirCoding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

type fhirReference struct {
	Reference string `json:"reference"`
}

type fhirParameters struct {
	ResourceType string          `json:"resourceType"`
	ID           string          `json:"id,omitempty"`
	Parameter    []fhirParameter `json:"parameter"`
}

// decide is POST Consent/$decide. Its parameters are those of an access request:
//
//	patient       1..1  Reference  Patient/<the pseudonym that the custodian gave this member>
//	purpose       1..1  Coding     v3-ActReason
//	action        0..1  Coding     consentaction; access when not given
//	actor         0..1  Reference  for whom, as the member asserts it
//	group         0..*  Reference
//	category      0..*  Coding
//	resourceType  0..*  code or Coding
//	resource      0..*  resource, with what rules ask about it, or Reference when only its name is known
//	element       0..*  string     of each resource only these, as _elements in a search
//	study         0..*  code or Coding  what the study is and keeps to: terms of DUO and diseases
//	passport      0..1  string     GA4GH passport of the researcher, or visas with spaces between; never kept
//	emergency     0..1  string     the reason for breaking the glass
//	requestId     0..1  string
//
// A parameter that is not known is refused, as one that restricts could be meant. The answer is Parameters with the decision.
func (f fhirRelease) decide(c *gin.Context) {
	raw, ok := fhirBody(c, maxBody)
	if !ok {
		return
	}
	var in fhirParameters
	err := unmarshalAny(raw, &loose{&in})
	if err == nil {
		err = strictParameters(raw, &in)
	}
	var req api.AccessRequest
	if err == nil {
		req, err = in.request()
	}
	if err == nil {
		err = consent.CheckText(&req)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	g := f.g
	a, err := g.access.Decide(c.Request.Context(), requester(c, "fhir"), req, cut(c))
	if err != nil {
		refuse(c, err)
		return
	}
	defer a.Done()
	g.metrics.decided(a.Decision.Decision)
	if a.CutOff() {
		problem(c, consent.Unavailable, cutOff)
		return
	}
	fhirAnswer(c, http.StatusOK, fhirParameters{ResourceType: "Parameters", Parameter: decided(&a.Access)})
	c.Writer.Flush()
}

// strictParameters reads Parameters again and refuses members that are not known.
func strictParameters(raw []byte, into *fhirParameters) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	*into = fhirParameters{}
	if err := d.Decode(into); err != nil || into.ResourceType != "Parameters" {
		return consent.Errorf(consent.Malformed, "Parameters with the parameters of $decide are due")
	}
	return nil
}

func (in fhirParameters) request() (api.AccessRequest, error) {
	var r api.AccessRequest
	for i, p := range in.Parameter {
		if err := p.apply(&r); err != nil {
			return r, consent.Errorf(consent.CodeOf(err), "parameter %d: %w", i, err)
		}
	}
	return r, nil
}

// apply puts a parameter into the request.
func (p fhirParameter) apply(r *api.AccessRequest) error {
	switch p.Name {
	case "patient":
		return once(&r.Subject, strings.TrimPrefix(p.reference(), "Patient/"))
	case "actor":
		return once(&r.Actor.Reference, p.reference())
	case "element":
		r.Elements = append(r.Elements, p.ValueString)
		return nil
	case "study":
		return p.study(r)
	case "passport", "emergency", "requestId":
		return once(map[string]*string{"passport": &r.Passport, "emergency": &r.Emergency, "requestId": &r.RequestID}[p.Name], p.ValueString)
	case "purpose", "action":
		return p.one(r)
	case "group":
		r.Actor.Groups = append(r.Actor.Groups, p.reference())
		return nil
	case "resource":
		return p.resource(r)
	case "category":
		return p.add(&r.Categories)
	case "resourceType":
		return p.add(&r.ResourceTypes)
	}
	return errParameter
}

// study adds a term by which a study is named. Of a Coding the code says it all (DUO:0000007); the system must be that of OBO's terms.
func (p fhirParameter) study(r *api.AccessRequest) error {
	k, ok := p.coding()
	if !ok || k.System != "" && !strings.HasPrefix(k.System, policies.SystemOBO) {
		return errParameter
	}
	r.Study = append(r.Study, k.Code)
	return nil
}

// add adds a code to those of a request.
func (p fhirParameter) add(to *[]consent.Coding) error {
	k, ok := p.coding()
	if !ok {
		return errParameter
	}
	*to = append(*to, k)
	return nil
}

var errParameter = consent.Errorf(consent.Malformed, "not a parameter of $decide, not of its type, or there twice")

// once sets what must be there once at most.
func once(into *string, v string) error {
	if *into != "" || v == "" {
		return errParameter
	}
	*into = v
	return nil
}

// one sets a code that must be there once at most.
func (p fhirParameter) one(r *api.AccessRequest) error {
	into := &r.Purpose
	if p.Name == "action" {
		into = &r.Action
	}
	k, ok := p.coding()
	if !ok || into.Code != "" {
		return errParameter
	}
	*into = k
	return nil
}

func (p fhirParameter) reference() string {
	if p.ValueReference == nil {
		return ""
	}
	return p.ValueReference.Reference
}

func (p fhirParameter) coding() (consent.Coding, bool) {
	if p.ValueCoding != nil {
		return consent.Coding{System: p.ValueCoding.System, Code: p.ValueCoding.Code}, p.ValueCoding.Code != ""
	}
	return consent.Coding{Code: p.ValueCode}, p.ValueCode != ""
}

// resource is a resource as it is, or the name of one.
func (p fhirParameter) resource(r *api.AccessRequest) error {
	if p.Resource != nil {
		x, err := policies.ParseResource(p.Resource)
		if err != nil {
			return consent.Errorf(consent.Malformed, "%w", err)
		}
		r.Resources = append(r.Resources, x)
		return nil
	}
	kind, id, ok := strings.Cut(p.reference(), "/")
	if !ok || kind == "" || id == "" {
		return consent.Errorf(consent.Malformed, "a resource is one, or a reference Type/id")
	}
	r.Resources = append(r.Resources, policies.Resource{Type: kind, ID: id})
	return nil
}

// decided says a decision as parameters.
func decided(a *api.Access) []fhirParameter {
	out := []fhirParameter{
		{Name: "decision", ValueCode: a.Decision.Decision}, {Name: "consentDecision", ValueCode: a.ConsentDecision},
	}
	out = text(out, "sentence", a.Sentence.Text)
	for _, r := range a.Reasons {
		p := []fhirParameter{{Name: "rule", ValueString: r.Rule}, {Name: "code", ValueCode: r.Code}}
		out = append(out, fhirParameter{Name: "reason", Part: text(p, "text", r.Text)})
	}
	for _, o := range a.Obligations {
		p := []fhirParameter{{Name: "id", ValueCoding: codingOf(o.ID)}}
		p = append(codingParts(p, "code", o.Parameters.Codes), codingParts(nil, "exceptAnyOfCode", o.Parameters.ExceptAnyOfCodes)...)
		if o.Parameters.Before != 0 {
			p = text(p, "before", strconv.FormatInt(int64(o.Parameters.Before), 10))
		}
		for _, e := range o.Parameters.Elements {
			p = text(p, "element", e)
		}
		out = append(out, fhirParameter{Name: "obligation", Part: p})
	}
	for _, r := range a.Residual {
		out = append(out, residual("residual", r))
	}
	for _, r := range a.Resources {
		p := []fhirParameter{{Name: "reference", ValueString: r.Type + "/" + r.ID}, {Name: "decision", ValueCode: r.Decision}}
		for _, e := range r.Masked {
			p = text(p, "masked", e)
		}
		out = append(out, fhirParameter{Name: "resource", Part: p})
	}
	out = text(out, "algorithm", string(a.Algorithm))
	out = text(out, "policyDigest", a.PolicyDigest)
	out = text(out, "codesDigest", a.CodesDigest)
	out = text(out, "position", strconv.FormatUint(uint64(a.Position), 10))
	if a.Use != nil {
		out = append(out, fhirParameter{Name: "use", Part: []fhirParameter{
			{Name: "index", ValueString: strconv.FormatUint(uint64(a.Use.Index), 10)}, {Name: "leaf", ValueString: a.Use.Leaf.String()},
		}})
	}
	return out
}

// residual says a rule that is still to be applied to each resource. One that could not be said would be worse than none, so
// every criterion has its part.
func residual(name string, r policies.ResidualRule) fhirParameter {
	p := []fhirParameter{{Name: "type", ValueCode: r.Type}}
	p = codingParts(p, "securityLabel", r.SecurityLabel)
	p = codingParts(p, "resourceType", r.ResourceType)
	p = codingParts(p, "code", r.Code)
	if r.DataPeriod != nil {
		if b, err := json.Marshal(r.DataPeriod); err == nil {
			p = text(p, "dataPeriod", string(b))
		}
	}
	for _, d := range r.Data {
		p = append(p, fhirParameter{Name: "data", Part: []fhirParameter{
			{Name: "meaning", ValueCode: d.Meaning}, {Name: "reference", ValueReference: &fhirReference{d.Reference.Reference}},
		}})
	}
	if r.Default {
		p = append(p, fhirParameter{Name: "default", ValueCode: "true"})
	}
	for _, w := range r.Within {
		p = append(p, residual("within", w))
	}
	return fhirParameter{Name: name, Part: p}
}

func text(to []fhirParameter, name, v string) []fhirParameter {
	if v == "" {
		return to
	}
	return append(to, fhirParameter{Name: name, ValueString: v})
}

func codingParts(to []fhirParameter, name string, ks []consent.Coding) []fhirParameter {
	for _, k := range ks {
		to = append(to, fhirParameter{Name: name, ValueCoding: codingOf(k)})
	}
	return to
}

func codingOf(k consent.Coding) *fhirCoding { return &fhirCoding{System: k.System, Code: k.Code} }
