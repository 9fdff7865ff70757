package takeout

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// Law is what an account is made for.
type Law string

// The laws.
const (
	HIPAA Law = "hipaa" // 45 CFR 164.528: disclosures of the last six years
	EHDS  Law = "ehds"  // Regulation (EU) 2025/327, article 9: every access of the last three years
)

// Title is the heading of an account.
func (l Law) Title() string {
	if l == HIPAA {
		return "Accounting of disclosures (45 CFR 164.528)"
	}
	return "Who accessed my health data (Regulation (EU) 2025/327, article 9)"
}

// years is how far back the law reaches.
func (l Law) years() int {
	if l == HIPAA {
		return 6
	}
	return 3
}

// covers says whether a use belongs into an account. HIPAA counts disclosures. The EHDS counts every access, a look at the
// records of consent and use included. What was denied disclosed nothing.
func (l Law) covers(u *proof.Use) bool {
	return u.Decision == proof.Permit && u.Requester != "" && (l == EHDS || u.Kind == proof.Decision)
}

// Names gives words: for members, name and address as the ledger's authorities signed them; for codes, a display.
type Names struct {
	Member func(consent.MemberID) (consent.Member, bool)
	Code   func(consent.Coding) (string, bool)
}

// Line is one access.
type Line struct {
	Use       consent.Uint64   `json:"use"` // number in the person's proved list of uses
	Time      string           `json:"time"`
	Recipient string           `json:"recipient"`
	Member    consent.MemberID `json:"member"`
	Address   string           `json:"address,omitempty"` // where known
	People    []string         `json:"people,omitempty"`  // as the recipient asserts them
	Data      string           `json:"data"`
	Purpose   string           `json:"purpose"`
	Basis     string           `json:"basis"` // the consents that permitted it, or the emergency
	Sentence  string           `json:"sentence"`
}

// Account is a list for a law, with what proves that it is complete.
type Account struct {
	Law     Law               `json:"law"`
	Title   string            `json:"title"`
	Subject consent.SubjectID `json:"subject"`
	From    string            `json:"from"`
	Until   string            `json:"until"`
	Lines   []Line            `json:"lines"`
	Uses    consent.Uint64    `json:"uses"` // of the whole proved list
	Size    consent.Uint64    `json:"size"` // of the custodian's log
	Root    consent.Hash      `json:"root"`
}

// NewAccount makes an account from the whole list of uses, which the caller has verified up to seen.
func NewAccount(law Law, h consent.SubjectID, seen proof.Seen, uses []proof.Entry, now time.Time, n Names) Account {
	from := now.UTC().AddDate(-law.years(), 0, 0)
	a := Account{
		Law: law, Title: law.Title(), Subject: h, From: from.Format(time.DateOnly), Until: now.UTC().Format(time.RFC3339),
		Lines: []Line{}, Uses: seen.UseSeq, Size: seen.Size, Root: seen.Root,
	}
	for i := range uses {
		u := &uses[i].Use
		if law.covers(u) && int64(u.Time) >= from.UnixMilli() {
			a.Lines = append(a.Lines, n.line(u))
		}
	}
	return a
}

func (n Names) line(u *proof.Use) Line {
	l := Line{
		Use: u.UseSeq, Time: time.UnixMilli(int64(u.Time)).UTC().Format(time.RFC3339), Recipient: string(u.Requester), Member: u.Requester,
		People: u.Actors, Data: what(u), Purpose: n.words(u.Purpose), Basis: basis(u), Sentence: u.Sentence.Text,
	}
	if n.Member != nil {
		if m, ok := n.Member(u.Requester); ok {
			l.Recipient, l.Address = m.Name, m.URL
		}
	}
	return l
}

func (n Names) words(c consent.Coding) string {
	if n.Code != nil && c.Code != "" {
		if w, ok := n.Code(c); ok {
			return w + " (" + c.Code + ")"
		}
	}
	return c.Code
}

func what(u *proof.Use) string {
	switch {
	case u.Kind != proof.Decision:
		return "records of consent and use"
	case len(u.Resources) > 0:
		return strings.Join(u.Resources, ", ")
	case len(u.ResourceTypes) > 0:
		return strings.Join(u.ResourceTypes, ", ")
	}
	return "health data of any kind"
}

func basis(u *proof.Use) string {
	if u.Emergency != "" {
		return "emergency: " + u.Emergency
	}
	if len(u.Consents) == 0 {
		return ""
	}
	text := make([]string, len(u.Consents))
	for i, seq := range u.Consents {
		text[i] = strconv.FormatUint(uint64(seq), 10)
	}
	return "consent " + strings.Join(text, ", ")
}

// WriteJSON writes an account as JSON.
func (a Account) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}

// WriteCSV writes a line for each access (RFC 4180). No cell is a formula.
func (a Account) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	err := c.Write([]string{"use", "time", "recipient", "member", "address", "people", "data", "purpose", "basis", "sentence"})
	for _, l := range a.Lines {
		if err == nil {
			err = c.Write(proof.Guard([]string{
				strconv.FormatUint(uint64(l.Use), 10), l.Time, l.Recipient, string(l.Member), l.Address, strings.Join(l.People, "; "), l.Data,
				l.Purpose, l.Basis, l.Sentence,
			}))
		}
	}
	c.Flush()
	if err == nil {
		err = c.Error()
	}
	if err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}

// page has no script and loads nothing: it can be kept, printed and mailed.
var page = template.Must(template.New("account").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 1rem/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption, th, td { text-align: left; vertical-align: top; }
th, td { border-bottom: 1px solid #595959; padding: 0.4rem; overflow-wrap: anywhere; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>For handle {{.Subject}}, from {{.From}} to {{.Until}}.</p>
<table>
<caption>{{len .Lines}} of {{.Uses}} recorded uses count under this law.</caption>
<thead><tr><th scope="col">When (UTC)</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Why</th><th scope="col">On what basis</th></tr></thead>
<tbody>
{{range .Lines}}<tr><td>{{.Time}}</td><td>{{.Recipient}}{{range .People}}<br>{{.}}{{end}}{{with .Address}}<br>{{.}}{{end}}</td><td>{{.Data}}</td><td>{{.Purpose}}</td><td>{{.Basis}}<br>use {{.Use}}: {{.Sentence}}</td></tr>
{{else}}<tr><td colspan="5">Nobody, as far as Volens decides it.</td></tr>
{{end}}</tbody>
</table>
<p>The list was checked when it was made: each use is in the custodian's log of {{.Size}} records with root {{.Root}}, and none of this handle is
left out. What went out without Volens is outside any proof.</p>
</body>
</html>
`))

// WriteHTML writes a page to print.
func (a Account) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, a); err != nil {
		return fmt.Errorf("write the account: %w", err)
	}
	return nil
}
