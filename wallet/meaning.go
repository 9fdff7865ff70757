package wallet

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// The warnings that Describe gives.
const (
	warnUnknown   = "the ledger's authorities have named nobody by this id"
	warnSuspended = "this organisation is suspended"
	warnAsserted  = "only your custodian knows who or what this is"
	warnCode      = "this program has no words for this code"
	warnLetters   = "holds letters that can be mistaken for others"
	warnAnyone    = "anyone who asks, whoever it is"
	warnPurpose   = "any purpose, whatever it is"
	warnBroken    = "this rule's place among the others makes no sense; do not sign"
)

func (d *describer) subject(s consent.SubjectID, p at) {
	if d.names.Subject != nil {
		if label, known := d.names.Subject(s); known && label != "" {
			d.add(p, fmt.Sprintf("%s (%s)", Escape(label), s), "")
			return
		}
	}
	d.add(p, s.String(), "")
}

func (d *describer) member(id consent.MemberID, p at) {
	value, warning := d.organisation(id, string(id))
	d.add(p, value, warning)
}

// organisation writes a member's name and, in brackets, the id as it stands in the message; or, when no record names it,
// the id in quotation marks.
func (d *describer) organisation(id consent.MemberID, asWritten string) (value, warning string) {
	m, known := d.lookup(id)
	switch {
	case !known:
		return quoted(asWritten), warnUnknown
	case m.Suspended:
		warning = warnSuspended
	}
	return fmt.Sprintf("%s (%s)", Escape(m.Name), Escape(asWritten)), warning
}

func (d *describer) lookup(id consent.MemberID) (consent.Member, bool) {
	if d.names.Member == nil {
		return consent.Member{}, false
	}
	m, known := d.names.Member(id)
	return m, known && m.ID == id && m.Name != ""
}

// reference writes who a FHIR reference speaks of, in the three forms that consent.Recipient lists.
func (d *describer) reference(r string) (value, warning string) {
	if id, isMember := strings.CutPrefix(r, "Organization/"); isMember {
		return d.organisation(consent.MemberID(id), r)
	}
	if id, rest, qualified := strings.Cut(r, ":"); qualified {
		if m, known := d.lookup(consent.MemberID(id)); known {
			if m.Suspended {
				return fmt.Sprintf("%s, as %s says", Escape(rest), Escape(m.Name)), warnSuspended
			}
			return fmt.Sprintf("%s, as %s says (%s)", Escape(rest), Escape(m.Name), Escape(id)), lookTwice(rest)
		}
		return quoted(r), warnUnknown
	}
	return quoted(r), warnAsserted
}

// quoted sets an id that nobody vouches for apart, lest it be spelled like a name with its id.
func quoted(id string) string { return `"` + strings.ReplaceAll(Escape(id), `"`, `\"`) + `"` }

func (d *describer) recipient(r consent.Recipient, p at) {
	value, warning := d.reference(r.Reference)
	if r.Role != (consent.Coding{}) {
		role, _ := d.code(r.Role)
		value += ", in the role: " + role
	}
	d.add(p, value, warning)
}

func (d *describer) coding(c consent.Coding, p at) {
	value, warning := d.code(c)
	d.add(p, value, warning)
}

func (d *describer) code(c consent.Coding) (value, warning string) {
	if d.names.Code != nil {
		if words, known := d.names.Code(c); known {
			return fmt.Sprintf("%s (%s)", Escape(words), Escape(c.Code)), ""
		}
	}
	return Escape(c.Code) + system(c.System), warnCode
}

func system(uri string) string {
	if uri == "" {
		return ""
	}
	return " (" + Escape(uri) + ")"
}

// provisions lays the flat list of rules out as the tree that it stands for. In a rule only what limits it is listed;
// one line names all that does not.
func (d *describer) provisions(list []consent.Provision, p at) {
	if len(list) == 0 {
		d.add(p, "none: nothing is permitted", "")
		return
	}
	children := make([][]int, len(list))
	var broken []int
	for i := 1; i < len(list); i++ {
		if parent := list[i].Parent; parent < consent.Uint64(i) { //nolint:gosec // an index
			children[parent] = append(children[parent], i)
		} else {
			broken = append(broken, i)
		}
	}
	var walk func(i, depth int)
	walk = func(i, depth int) {
		q := p
		q.path, q.depth = fmt.Sprintf("%s[%d]", p.path, i), p.depth+depth
		d.provision(list, i, q)
		for _, c := range children[i] {
			walk(c, depth+1)
		}
	}
	walk(0, 0)
	for _, i := range broken {
		q := p
		q.path, q.label = fmt.Sprintf("%s[%d]", p.path, i), fmt.Sprintf("Rule %d", i+1)
		d.add(q, "", warnBroken)
		walk(i, 1)
	}
}

func (d *describer) provision(list []consent.Provision, i int, p at) {
	r := list[i]
	p.label = fmt.Sprintf("Rule %d", i+1)
	value := Escape(string(r.Effect))
	if i > 0 {
		value += fmt.Sprintf(", inside rule %d", r.Parent+1)
	}
	d.add(p, value, "")
	p.depth++
	var open []string
	show := func(name string, limits bool, v any) {
		q := at{path: p.path + "." + name, member: name, label: labelOf(name), depth: p.depth}
		if !limits {
			open = append(open, strings.ToLower(q.label))
			return
		}
		d.value(reflect.ValueOf(v), q)
	}
	show("period", r.Period != consent.Period{}, r.Period)
	show("recipients", len(r.Recipients) > 0, r.Recipients)
	show("roles", len(r.Roles) > 0, r.Roles)
	show("actions", len(r.Actions) > 0, r.Actions)
	show("purposes", len(r.Purposes) > 0, r.Purposes)
	show("resourceTypes", len(r.ResourceTypes) > 0, r.ResourceTypes)
	show("codes", len(r.Codes) > 0, r.Codes)
	show("labels", len(r.Labels) > 0, r.Labels)
	show("dataPeriod", r.DataPeriod != consent.Period{}, r.DataPeriod)
	show("data", len(r.Data) > 0, r.Data)
	if len(open) > 0 {
		d.add(at{path: p.path, label: "Not limited by", depth: p.depth}, strings.Join(open, ", "), openWarning(r, i))
	}
}

// openWarning speaks up when a permission is wider than people expect. A nested rule inherits its root's limits.
func openWarning(r consent.Provision, i int) string {
	var w []string
	if i == 0 && r.Effect == consent.Permit {
		if len(r.Recipients) == 0 && len(r.Roles) == 0 {
			w = append(w, warnAnyone)
		}
		if len(r.Purposes) == 0 {
			w = append(w, warnPurpose)
		}
	}
	return strings.Join(w, "; ")
}
