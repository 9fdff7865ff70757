package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/volens-ledger/volens/network"
)

// receipt is what a ledger gives.
type receipt = network.Receipt

// Item is one piece of evidence.
type Item struct {
	Key   string
	Value any
}

// Evidence is what a step shows for itself, in order.
type Evidence []Item

// MarshalJSON writes an object whose members keep their order.
func (e Evidence) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, it := range e {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(it.Value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", it.Key, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Step is one step of the story.
type Step struct {
	Step     int      `json:"step"`
	Title    string   `json:"title"`
	OK       bool     `json:"ok"`
	Evidence Evidence `json:"evidence"`
	Error    string   `json:"error,omitempty"`
}

// Print writes a step for people.
func (s Step) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%2d. %s\n", s.Step, s.Title)
	for _, it := range s.Evidence {
		v := fmt.Sprint(it.Value)
		if lines, ok := it.Value.([]string); ok {
			v = strings.Join(lines, "\n"+strings.Repeat(" ", 22))
		}
		fmt.Fprintf(&b, "      %-15s %s\n", it.Key, v)
	}
	if s.Error != "" {
		fmt.Fprintf(&b, "      FAILED: %s\n", s.Error)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
