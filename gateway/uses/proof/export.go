package proof

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// WriteJSON writes a statement, with all that it takes to check it again offline. Its entries are those given and not s.Entries,
// one a line; none is kept.
func WriteJSON(w io.Writer, s Statement, entries iter.Seq[Entry]) error {
	s.Entries = []Entry{}
	head, err := json.MarshalIndent(s, "", "  ")
	begin, ok := bytes.CutSuffix(head, []byte("[]\n}"))
	if err == nil && !ok {
		err = errors.New("the entries are not the last member")
	}
	b := bufio.NewWriter(w)
	if err == nil {
		_, err = b.Write(append(begin, '['))
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	between := ""
	for entry := range entries {
		if err == nil {
			_, err = b.WriteString(between)
		}
		if err == nil {
			err = e.Encode(entry)
		}
		if err != nil {
			break
		}
		between = ","
	}
	if err == nil {
		_, err = b.WriteString("]\n}\n")
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write uses as JSON: %w", err)
	}
	return nil
}

var csvHeader = []string{
	"use", "time", "kind", "requester", "actors", "roles", "delegation", "purpose", "action", "resource types", "resources",
	"emergency", "decision", "sentence", "reasons", "consents", "obligations", "request id", "record",
}

// WriteCSV writes one line a use, times in UTC, values of a list separated by "; ". A cell that a spreadsheet would take
// for a formula begins with an apostrophe (OWASP, CSV injection). No entry is kept.
func WriteCSV(w io.Writer, entries iter.Seq[Entry]) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180
	err := c.Write(csvHeader)
	for e := range entries {
		if err == nil {
			err = c.Write(csvLine(&e))
		}
		if err != nil {
			break
		}
	}
	c.Flush()
	if err == nil {
		err = c.Error()
	}
	if err != nil {
		return fmt.Errorf("write uses as CSV: %w", err)
	}
	return nil
}

func csvLine(e *Entry) []string {
	u := &e.Use
	line := []string{
		number(u.UseSeq), time.UnixMilli(int64(u.Time)).UTC().Format("2006-01-02T15:04:05.000Z"), string(u.Kind),
		string(u.Requester), list(u.Actors, text), list(u.Roles, code), u.Delegation, code(u.Purpose), code(u.Action),
		list(u.ResourceTypes, text), list(u.Resources, text), u.Emergency, u.Decision, u.Sentence.Text,
		list(u.Reasons, func(r Reason) string { return r.Rule + " " + r.Text }), list(u.Consents, number),
		list(u.Obligations, text), u.RequestID, number(e.Index),
	}
	return Guard(line)
}

// Guard keeps a spreadsheet from calculating any cell of a line, in place.
func Guard(line []string) []string {
	for i := range line {
		line[i] = guard(line[i])
	}
	return line
}

// guard keeps a spreadsheet from calculating a cell.
func guard(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

func text(s string) string { return s }

func code(c consent.Coding) string { return c.Code }

func number(n consent.Uint64) string { return strconv.FormatUint(uint64(n), 10) }

func list[T any](in []T, format func(T) string) string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = format(v)
	}
	return strings.Join(out, "; ")
}
