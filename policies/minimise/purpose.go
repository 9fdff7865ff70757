package minimise

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// Table says what each purpose needs: of a purpose (v3-ActReason), the resource types and of each the elements; "*" stands for
// any other type, and for all elements. A purpose that is not in it needs what the nearest one above it needs; one with none
// above needs nothing.
type Table struct {
	Purposes map[string]map[string][]string `json:"purposes"`
}

//go:embed purposes.json
var defaultPurposes []byte

// Default is the table in this package: all for treatment, the person, public health and operations, what bills and studies
// need for those, nothing for the rest (marketing). Research gets no documents: they are free text and pictures, which cannot be cut
// to elements and name people, so a custodian has to decide that it may (policies/README.md, M).
var Default = sync.OnceValues(func() (*Table, error) { return ParseTable(defaultPurposes) })

// ParseTable reads a table. A purpose that HL7 does not have is refused: nobody would get what was meant.
func ParseTable(raw []byte) (*Table, error) {
	t := new(Table)
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, fmt.Errorf("read the table of purposes: %w", err)
	}
	if len(t.Purposes) == 0 {
		return nil, errors.New("read the table of purposes: it has none")
	}
	for p := range t.Purposes {
		if !policies.Subsumes(policies.SystemPurpose, "PurposeOfUse", p) {
			return nil, fmt.Errorf("read the table of purposes: %q is no purpose of use", p)
		}
	}
	return t, nil
}

// Need returns the elements of a type that a purpose needs, nil for all, and whether it needs any of the type. A nil table
// needs everything.
func (t *Table) Need(purpose consent.Coding, resourceType string) (elements []string, needs bool) {
	if t == nil {
		return nil, true
	}
	if purpose.System != "" && purpose.System != policies.SystemPurpose {
		return nil, false
	}
	types := t.Purposes[t.nearest(purpose.Code)]
	elements, needs = types[resourceType]
	if !needs {
		elements, needs = types["*"]
	}
	if slices.Contains(elements, "*") {
		return nil, true
	}
	if needs && elements == nil {
		elements = []string{}
	}
	return elements, needs
}

// Entry is what is said of a purpose, and of which purpose that is said: itself or the nearest one above it, "" for none.
func (t *Table) Entry(purpose string) (of string, types map[string][]string) {
	of = t.nearest(purpose)
	return of, t.Purposes[of]
}

// Everything is the table by which every purpose needs everything, which is what no table comes to.
func Everything() *Table {
	return &Table{Purposes: map[string]map[string][]string{"PurposeOfUse": {"*": {"*"}}}}
}

// nearest is the purpose of the table that covers another, none of the others lying between.
func (t *Table) nearest(purpose string) string {
	best := ""
	for p := range t.Purposes {
		if policies.Subsumes(policies.SystemPurpose, p, purpose) && (best == "" || policies.Subsumes(policies.SystemPurpose, best, p)) {
			best = p
		}
	}
	return best
}

// IsDevice reports whether a resource holds what a device measured, or is one: the type, or a reference to the device.
func IsDevice(r policies.Resource, refersToDevice bool) bool {
	return refersToDevice || slices.Contains([]string{"Device", "DeviceMetric", "DeviceUseStatement", "DeviceUsage"}, r.Type)
}

// DeviceObligations come with a permit that covers device data: MINEC, take what the purpose needs and no more, and NOPERSISTP,
// do not keep it beyond the purpose (v3-ActCode).
func DeviceObligations() []policies.Obligation {
	return []policies.Obligation{
		{ID: consent.Coding{System: policies.SystemActCode, Code: "MINEC"}},
		{ID: consent.Coding{System: policies.SystemActCode, Code: "NOPERSISTP"}},
	}
}
