package auditevent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// WriteNDJSON writes one R4 AuditEvent a line, in the order of the entries.
func WriteNDJSON(w io.Writer, entries []proof.Entry, o Origin) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, x := range entries {
		if err := e.Encode(Of(x.Use, x.Index, o)); err != nil {
			return fmt.Errorf("write uses as audit events: %w", err)
		}
	}
	return nil
}

// WriteBundle writes the R4 AuditEvents as a Bundle of type collection.
func WriteBundle(w io.Writer, entries []proof.Entry, o Origin) error {
	type entry struct {
		FullURL  string `json:"fullUrl"`
		Resource Event  `json:"resource"`
	}
	out := struct {
		ResourceType string  `json:"resourceType"`
		Type         string  `json:"type"`
		Entry        []entry `json:"entry,omitempty"`
	}{"Bundle", "collection", nil}
	for _, x := range entries {
		e := Of(x.Use, x.Index, o)
		out.Entry = append(out.Entry, entry{o.Server + "/AuditEvent/" + e.ID, e})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(out)
	if err == nil {
		_, err = b.WriteTo(w)
	}
	if err != nil {
		return fmt.Errorf("write uses as audit events: %w", err)
	}
	return nil
}
