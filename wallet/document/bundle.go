package document

import (
	"encoding/json"
	"strings"
)

// coded is a CodeableConcept.
type coded struct {
	Text   string `json:"text"`
	Coding []struct {
		System  string `json:"system"`
		Code    string `json:"code"`
		Display string `json:"display"`
	} `json:"coding"`
}

func (c coded) code() string {
	if len(c.Coding) == 0 {
		return ""
	}
	return c.Coding[0].System + "|" + c.Coding[0].Code
}

func (c coded) words() string {
	if c.Text != "" || len(c.Coding) == 0 {
		return c.Text
	}
	return c.Coding[0].Display
}

// entry is what is shown of a resource in a card.
type entry struct {
	Type string `json:"resourceType"`
	Name []struct {
		Family string   `json:"family"`
		Given  []string `json:"given"`
		Text   string   `json:"text"`
	} `json:"name"`
	Born        string `json:"birthDate"`
	Vaccine     coded  `json:"vaccineCode"`
	Code        coded  `json:"code"`
	Occurrence  string `json:"occurrenceDateTime"`
	Effective   string `json:"effectiveDateTime"`
	Onset       string `json:"onsetDateTime"`
	ValueCoded  coded  `json:"valueCodeableConcept"`
	ValueString string `json:"valueString"`
}

// bundle fills in what a card's FHIR bundle says: its patient, and a line for each other resource.
func (d *Document) bundle(raw json.RawMessage) {
	var b struct {
		Type  string `json:"resourceType"`
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &b) != nil || b.Type != "Bundle" {
		d.object(Schema, "it holds no FHIR bundle")
		return
	}
	for _, e := range b.Entry {
		var r entry
		if json.Unmarshal(e.Resource, &r) != nil || r.Type == "" {
			d.object(Schema, "one of its resources cannot be read")
			continue
		}
		if r.Type == "Patient" {
			d.Person = r.person()
			continue
		}
		d.Facts = append(d.Facts, r.fact())
	}
}

func (r entry) person() Person {
	p := Person{Born: r.Born}
	if len(r.Name) > 0 {
		n := r.Name[0]
		p.Family, p.Given = n.Family, strings.Join(n.Given, " ")
		if p.Family == "" {
			p.Family = n.Text
		}
	}
	return p
}

func (r entry) fact() Fact {
	f := Fact{Kind: r.Type, Date: first(r.Occurrence, r.Effective, r.Onset), Code: first(r.Vaccine.code(), r.Code.code())}
	f.Text = strings.Join(strings.Fields(strings.Join([]string{
		first(r.Vaccine.words(), r.Code.words()), first(r.ValueCoded.words(), r.ValueCoded.code(), r.ValueString),
	}, " ")), " ")
	return f
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
