package consent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// TestReadJSON reads one message as it may be spelled and as it may not.
func TestReadJSON(t *testing.T) {
	good := `{"type":"ConsentRevoke","body":{"handle":"000102030405060708090a0b0c0d0e0f","seq":"4","prev":"` + strings.Repeat("ab", 32) +
		`","consent":"3","salt":"` + strings.Repeat("cd", 32) + `"},"openings":{"keySalt":"` + strings.Repeat("ef", 32) + `"},"sigs":[]}`
	var want consent.Message
	if err := want.UnmarshalJSON([]byte(good)); err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string { //nolint:predeclared // as in strings.Replace
		t.Helper()
		s := strings.Replace(good, old, new, 1)
		if s == good {
			t.Fatalf("there is no %s in it", old)
		}
		return s
	}
	body := good[strings.Index(good, `"body"`):strings.Index(good, `,"openings"`)]
	for name, text := range map[string]string{
		"spaces":          " \t\r\n" + strings.NewReplacer(`,`, " ,\n", `:`, "\t: ", `{`, "{ ", `[]`, "[ ]").Replace(good) + "\n",
		"the type last":   change(`"type":"ConsentRevoke",`, "")[:len(good)-len(`"type":"ConsentRevoke",`)-1] + `,"type":"ConsentRevoke"}`,
		"the body first":  `{` + body + `,` + change(`,`+body, "")[1:],
		"escapes":         change(`"seq":"4"`, `"seq":"\u0034"`),
		"an escaped type": change(`"ConsentRevoke"`, `"Consent\u0052evoke"`),
	} {
		var m consent.Message
		if err := m.UnmarshalJSON([]byte(text)); err != nil {
			t.Errorf("%s: %v in %s", name, err, text)
		} else if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, text := range map[string]string{
		"nothing":               ``,
		"null":                  `null`,
		"a list":                `[` + good + `]`,
		"two":                   good + good,
		"a comma after":         good + `,`,
		"a zero byte after":     good + "\x00",
		"cut short":             good[:len(good)-1],
		"a trailing comma":      change(`"sigs":[]`, `"sigs":[],`),
		"a comma before":        change(`{"type"`, `{,"type"`),
		"two commas":            change(`,"openings"`, `,,"openings"`),
		"no comma":              change(`,"openings"`, ` "openings"`),
		"no colon":              change(`"sigs":`, `"sigs" `),
		"a comma in a list":     change(`[]`, `[,]`),
		"an unknown member":     change(`"seq":"4"`, `"seq":"4","more":"1"`),
		"a missing member":      change(`"seq":"4",`, ``),
		"a member twice":        change(`"seq":"4"`, `"seq":"4","seq":"4"`),
		"a body twice":          change(body, body+`,`+body),
		"another case":          change(`"seq"`, `"Seq"`),
		"an escape in a name":   change(`"seq"`, `"s\u0065q"`),
		"null in a member":      change(`"4"`, `null`),
		"a number":              change(`"4"`, `4`),
		"null openings":         change(`{"keySalt":"`+strings.Repeat("ef", 32)+`"}`, `null`),
		"a null opening":        change(`"`+strings.Repeat("ef", 32)+`"`, `null`),
		"a control character":   change(`"4"`, "\"4\n\""),
		"half an escape":        change(`"4"`, `"\u00"`),
		"an unknown type":       change(`ConsentRevoke`, `ConsentRevert`),
		"no type":               change(`"type":"ConsentRevoke",`, ``),
		"a body that is a text": `{"type":"ConsentRevoke","body":"x","openings":{},"sigs":[]}`,
		"a late body, bad":      `{"body":{"x":{]},"type":"ConsentRevoke","openings":{},"sigs":[]}`,
		"a late body, cut":      `{"body":{"x":`,
	} {
		var m consent.Message
		if err := m.UnmarshalJSON([]byte(text)); consent.CodeOf(err) != consent.Malformed {
			t.Errorf("%s: %v in %s", name, err, text)
		}
	}
	if !json.Valid([]byte(good)) {
		t.Error("the example is not JSON")
	}
}
