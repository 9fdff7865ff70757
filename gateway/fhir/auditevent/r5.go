package auditevent

import "encoding/json"

// R5 returns the event as an R5 AuditEvent: type and subtype are category and code, outcome is a concept with its words in
// detail, the patient has an element of her own, and networks and purposes have other names.
func (e Event) R5() (json.RawMessage, error) { //nolint:cyclop // one element after the other
	type agent struct {
		Type          *Concept  `json:"type,omitempty"`
		Role          []Concept `json:"role,omitempty"`
		Who           Reference `json:"who"`
		Requestor     bool      `json:"requestor"`
		Policy        []string  `json:"policy,omitempty"`
		NetworkString string    `json:"networkString,omitempty"`
		NetworkURI    string    `json:"networkUri,omitempty"`
		Authorization []Concept `json:"authorization,omitempty"`
	}
	type words struct {
		Text string `json:"text"`
	}
	type detail struct {
		Type  words  `json:"type"`
		Value string `json:"valueString"`
	}
	type entity struct {
		What   *Reference `json:"what,omitempty"`
		Role   *Concept   `json:"role,omitempty"`
		Detail []detail   `json:"detail,omitempty"`
	}
	type outcome struct {
		Code   Coding  `json:"code"`
		Detail []words `json:"detail,omitempty"`
	}
	type source struct {
		Site     *Reference `json:"site,omitempty"`
		Observer Reference  `json:"observer"`
		Type     []Concept  `json:"type,omitempty"`
	}
	out := struct {
		ResourceType string     `json:"resourceType"`
		ID           string     `json:"id,omitempty"`
		Category     []Concept  `json:"category"`
		Code         Concept    `json:"code"`
		Action       string     `json:"action,omitempty"`
		Recorded     string     `json:"recorded"`
		Outcome      outcome    `json:"outcome"`
		Patient      *Reference `json:"patient,omitempty"`
		Agent        []agent    `json:"agent"`
		Source       source     `json:"source"`
		Entity       []entity   `json:"entity,omitempty"`
	}{
		ResourceType: "AuditEvent", ID: e.ID, Category: []Concept{{[]Coding{e.Type}}}, Code: Concept{e.Subtype}, Action: e.Action,
		Recorded: e.Recorded, Outcome: outcome{Code: Coding{"http://terminology.hl7.org/CodeSystem/audit-event-outcome", e.Outcome}},
		Source: source{Observer: e.Source.Observer},
	}
	if e.OutcomeDesc != "" {
		out.Outcome.Detail = []words{{e.OutcomeDesc}}
	}
	if e.Source.Site != "" {
		out.Source.Site = &Reference{Display: e.Source.Site}
	}
	for _, t := range e.Source.Type {
		out.Source.Type = append(out.Source.Type, Concept{[]Coding{t}})
	}
	for _, a := range e.Agent {
		b := agent{Type: a.Type, Role: a.Role, Who: a.Who, Requestor: a.Requestor, Policy: a.Policy, Authorization: a.PurposeOfUse}
		if a.Network != nil {
			if b.NetworkString = a.Network.Address; a.Network.Type == "5" {
				b.NetworkString, b.NetworkURI = "", a.Network.Address
			}
		}
		out.Agent = append(out.Agent, b)
	}
	for _, x := range e.Entity {
		y := entity{What: x.What}
		switch {
		case x.Role != nil:
			y.Role = &Concept{[]Coding{*x.Role}}
		case x.Type != nil && x.Type.Code == "Consent": // R5 has no entity.type; a consent is a domain resource
			y.Role = one(objects, "4")
		}
		if x.Role != nil && x.Role.Code == "1" {
			out.Patient = x.What
		}
		for _, d := range x.Detail {
			y.Detail = append(y.Detail, detail{words{d.Type}, d.Value})
		}
		out.Entity = append(out.Entity, y)
	}
	return json.Marshal(out)
}
