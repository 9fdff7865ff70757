package auditevent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// WriteNDJSON writes one R4 AuditEvent a line, in the order of the entries. It keeps none of them.
func WriteNDJSON(w io.Writer, entries iter.Seq[proof.Entry], o Origin) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for x := range entries {
		if err := e.Encode(Of(x.Use, x.Index, o)); err != nil {
			return fmt.Errorf("write uses as audit events: %w", err)
		}
	}
	return flushed(b)
}

// WriteBundle writes the R4 AuditEvents as a Bundle of type collection, an entry a line. It keeps none of them.
func WriteBundle(w io.Writer, entries iter.Seq[proof.Entry], o Origin) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b) // it ends each value with a line feed
	e.SetEscapeHTML(false)
	_, err := b.WriteString(`{"resourceType":"Bundle","type":"collection"`)
	between := `,"entry":[` + "\n"
	for x := range entries {
		if err == nil {
			_, err = b.WriteString(between)
		}
		if err == nil {
			ev := Of(x.Use, x.Index, o)
			err = e.Encode(bundled{o.Server + "/AuditEvent/" + ev.ID, ev})
		}
		if err != nil {
			return fmt.Errorf("write uses as audit events: %w", err)
		}
		between = ","
	}
	end := "}\n"
	if between == "," {
		end = "]}\n"
	}
	if err == nil {
		_, err = b.WriteString(end)
	}
	if err != nil {
		return fmt.Errorf("write uses as audit events: %w", err)
	}
	return flushed(b)
}

// bundled is an entry of a Bundle.
type bundled struct {
	FullURL  string `json:"fullUrl"`
	Resource Event  `json:"resource"`
}

func flushed(b *bufio.Writer) error {
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write uses as audit events: %w", err)
	}
	return nil
}
