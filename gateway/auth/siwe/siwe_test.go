package siwe_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
)

// The first example of ERC-4361.
const example = `example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json`

const full = `localhost:8080 wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2


URI: http://localhost:8080/auth/sign-in
Version: 1
Chain ID: 130163247476339
Nonce: 8fLq0Y3vXz5mT1sB7cKd2W
Issued At: 2026-09-20T10:00:00Z
Expiration Time: 2026-09-20T10:05:00Z
Not Before: 2026-09-20T09:59:00Z
Request ID: a%2Fb:c@d
Resources:
- urn:volens:handle`

func address(t testing.TB, text string) sig.Address {
	t.Helper()
	a, err := sig.ParseAddress(strings.ToLower(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestExample(t *testing.T) {
	got, err := siwe.Parse(example)
	if err != nil {
		t.Fatal(err)
	}
	want := siwe.Message{
		Domain:    "example.com",
		Address:   address(t, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
		Statement: "I accept the ExampleOrg Terms of Service: https://example.com/tos",
		URI:       "https://example.com/login",
		ChainID:   1,
		Nonce:     "32891756",
		IssuedAt:  time.Date(2021, 9, 30, 16, 25, 24, 0, time.UTC),
		Resources: []string{
			"ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/",
			"https://example.com/my-web2-claim.json",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{example, full, strings.Replace(example, "example.com wants", "example.com:3388 wants", 1)} {
		m, err := siwe.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		back, err := m.Format()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(text, back); d != "" {
			t.Error(d)
		}
	}
}

func TestBadTexts(t *testing.T) {
	swap := func(old, with string) string {
		if !strings.Contains(full, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.Replace(full, old, with, 1)
	}
	for name, text := range map[string]string{
		"empty":                   "",
		"carriage returns":        strings.ReplaceAll(full, "\n", "\r\n"),
		"trailing line feed":      full + "\n",
		"leading line feed":       "\n" + full,
		"a scheme":                "https://" + full,
		"user in domain":          "bob@" + full,
		"upper-case domain":       swap("localhost:8080 wants", "Localhost:8080 wants"),
		"no domain":               swap("localhost:8080 wants", " wants"),
		"two spaces":              swap("localhost:8080 wants", "localhost:8080  wants"),
		"path in domain":          swap("localhost:8080 wants", "localhost:8080/x wants"),
		"port zero":               swap("localhost:8080 wants", "localhost:0 wants"),
		"non-ASCII domain":        swap("localhost:8080 wants", "loc\u0430lhost wants"),
		"lower-case address":      swap("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
		"wrong address checksum":  swap("0xC02a", "0xc02a"),
		"short address":           swap("Cc2\n", "Cc\n"),
		"one blank line missing":  swap("Cc2\n\n\n", "Cc2\n\n"),
		"one blank line too many": swap("Cc2\n\n\n", "Cc2\n\n\n\n"),
		"statement of two lines":  swap("Cc2\n\n\n", "Cc2\n\none\ntwo\n\n"),
		"statement with a quote":  swap("Cc2\n\n\n", "Cc2\n\nsay \"yes\"\n\n"),
		"statement with a tab":    swap("Cc2\n\n\n", "Cc2\n\nsay\tyes\n\n"),
		"statement with bidi":     swap("Cc2\n\n\n", "Cc2\n\nsay \u202eyes\n\n"),
		"relative URI":            swap("URI: http://localhost:8080/auth/sign-in", "URI: /auth/sign-in"),
		"URI of another scheme":   swap("URI: http://", "URI: ftp://"),
		"URI with user":           swap("URI: http://", "URI: http://bob@"),
		"URI with fragment":       swap("sign-in\n", "sign-in#x\n"),
		"URI with a space":        swap("sign-in\n", "sign in\n"),
		"URI scheme upper case":   swap("URI: http://", "URI: HTTP://"),
		"URI with broken escape":  swap("sign-in\n", "sign%2\n"),
		"version 2":               swap("Version: 1", "Version: 2"),
		"chain id with zero":      swap("Chain ID: 1", "Chain ID: 01"),
		"chain id with sign":      swap("Chain ID: 1", "Chain ID: +1"),
		"chain id overflow":       swap("Chain ID: 1", "Chain ID: 99999999999999999999"),
		"chain id in hex":         swap("Chain ID: 1", "Chain ID: 0x1"),
		"short nonce":             swap("8fLq0Y3vXz5mT1sB7cKd2W", "8fLq0Y3"),
		"nonce with hyphen":       swap("8fLq0Y3vXz5mT1sB7cKd2W", "8fLq0Y3v-z5mT1sB7cKd2W"),
		"no nonce":                swap("Nonce: 8fLq0Y3vXz5mT1sB7cKd2W\n", ""),
		"order swapped":           swap("Version: 1\nChain ID: 130163247476339", "Chain ID: 130163247476339\nVersion: 1"),
		"a line twice":            swap("Version: 1\n", "Version: 1\nVersion: 1\n"),
		"time with milliseconds":  swap("Issued At: 2026-09-20T10:00:00Z", "Issued At: 2026-09-20T10:00:00.000Z"),
		"time with offset":        swap("Issued At: 2026-09-20T10:00:00Z", "Issued At: 2026-09-20T10:00:00+00:00"),
		"lower-case time":         swap("Issued At: 2026-09-20T10:00:00Z", "Issued At: 2026-09-20t10:00:00z"),
		"no such day":             swap("Issued At: 2026-09-20T10:00:00Z", "Issued At: 2026-02-30T10:00:00Z"),
		"times in wrong order":    swap("Expiration Time: 2026-09-20T10:05:00Z\nNot Before: 2026-09-20T09:59:00Z", "Not Before: 2026-09-20T09:59:00Z\nExpiration Time: 2026-09-20T10:05:00Z"),
		"empty request id":        swap("Request ID: a%2Fb:c@d", "Request ID: "),
		"request id with slash":   swap("Request ID: a%2Fb:c@d", "Request ID: a/b"),
		"no resource":             swap("\n- urn:volens:handle", ""),
		"relative resource":       swap("- urn:volens:handle", "- handle"),
		"resource without space":  swap("- urn", "-urn"),
		"text after resources":    full + "\nfoo",
		"field name lower case":   swap("Nonce:", "nonce:"),
		"too long":                swap("- urn:volens:handle", "- urn:volens:"+strings.Repeat("a", siwe.MaxText)),
		"invalid UTF-8":           swap("Cc2\n\n\n", "Cc2\n\nsay \xff\n\n"),
	} {
		if m, err := siwe.Parse(text); !errors.Is(err, siwe.ErrForm) {
			t.Errorf("%s: got %v and %+v", name, err, m)
		}
	}
}

func TestBadMessagesAreNotWritten(t *testing.T) {
	for name, change := range map[string]func(*siwe.Message){
		"domain":         func(m *siwe.Message) { m.Domain = "a b" },
		"line feed":      func(m *siwe.Message) { m.Statement = "a\nURI: http://evil.example/" },
		"URI":            func(m *siwe.Message) { m.URI = "http://a\nb" },
		"nonce":          func(m *siwe.Message) { m.Nonce = "" },
		"no issue time":  func(m *siwe.Message) { m.IssuedAt = time.Time{} },
		"part of second": func(m *siwe.Message) { m.NotBefore = m.IssuedAt.Add(1) },
		"far future":     func(m *siwe.Message) { m.ExpirationTime = m.IssuedAt.AddDate(9000, 0, 0) },
		"request id":     func(m *siwe.Message) { m.RequestID = "a b" },
		"resource":       func(m *siwe.Message) { m.Resources = []string{"a\n- urn:b"} },
	} {
		m, err := siwe.Parse(full)
		if err != nil {
			t.Fatal(err)
		}
		change(&m)
		if text, err := m.Format(); !errors.Is(err, siwe.ErrForm) {
			t.Errorf("%s: wrote %q, %v", name, text, err)
		}
	}
}

// The addresses are those of EIP-55.
func TestChecksumAddresses(t *testing.T) {
	for _, want := range []string{
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0xde709f2102306220921060314715629080e2fb77",
	} {
		if got := siwe.FormatAddress(address(t, want)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := siwe.ParseAddress(want); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if a, err := siwe.ParseAddress(strings.Replace(want, "0x", "0X", 1)); err == nil {
			t.Errorf("0X was read as %s", a)
		}
	}
}

func TestVerify(t *testing.T) {
	key, err := sig.ParseKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	m, err := siwe.Parse(full)
	if err != nil {
		t.Fatal(err)
	}
	m.Address = key.Address()
	text, err := m.Format()
	if err != nil {
		t.Fatal(err)
	}
	s, err := key.Sign(sig.PersonalHash(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := siwe.Verify(text, s); err != nil || cmp.Diff(m, got) != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := siwe.Verify(strings.Replace(text, "10:05:00Z", "10:06:00Z", 1), s); !errors.Is(err, siwe.ErrSigner) {
		t.Errorf("a changed text gave %v", err)
	}
	if _, err := siwe.Verify(full, s); !errors.Is(err, siwe.ErrSigner) {
		t.Errorf("another address gave %v", err)
	}
	s[64] = 29
	if _, err := siwe.Verify(text, s); !errors.Is(err, siwe.ErrSigner) {
		t.Errorf("a malformed signature gave %v", err)
	}
}

func TestCheck(t *testing.T) {
	m, err := siwe.Parse(full)
	if err != nil {
		t.Fatal(err)
	}
	at := func(clock string) time.Time {
		c, err := time.Parse(time.TimeOnly, clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 9, 20, c.Hour(), c.Minute(), c.Second(), 0, time.UTC)
	}
	good := siwe.Expect{
		Domain: "localhost:8080", Origin: "http://localhost:8080", ChainID: 130163247476339,
		Nonce: "8fLq0Y3vXz5mT1sB7cKd2W", Now: at("10:01:00"),
	}
	for _, c := range []struct {
		name   string
		change func(*siwe.Expect)
		why    string
	}{
		{"good", func(*siwe.Expect) {}, ""},
		{"no nonce or origin asked", func(e *siwe.Expect) { e.Nonce, e.Origin = "", "" }, ""},
		{"last second", func(e *siwe.Expect) { e.Now = at("10:04:59") }, ""},
		{"small skew", func(e *siwe.Expect) { e.Now = at("09:59:00") }, ""},
		{"at expiry", func(e *siwe.Expect) { e.Now, e.MaxAge = at("10:05:00"), time.Hour }, "expired"},
		{"too old", func(e *siwe.Expect) { e.Now, e.MaxAge = at("10:03:00"), time.Minute }, "too old"},
		{"future", func(e *siwe.Expect) { e.Now = at("09:58:59") }, "future"},
		{"domain", func(e *siwe.Expect) { e.Domain = "localhost" }, "domain"},
		{"origin", func(e *siwe.Expect) { e.Origin = "https://localhost:8080" }, "origin"},
		{"chain", func(e *siwe.Expect) { e.ChainID = 1 }, "chain id"},
		{"nonce", func(e *siwe.Expect) { e.Nonce = "8fLq0Y3vXz5mT1sB7cKd2X" }, "nonce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := good
			c.change(&e)
			err := m.Check(e)
			if c.why == "" && err != nil {
				t.Fatal(err)
			}
			if c.why != "" && (!errors.Is(err, siwe.ErrRefuse) || !strings.Contains(err.Error(), c.why)) {
				t.Fatalf("got %v", err)
			}
		})
	}
	m.NotBefore = at("10:02:01")
	if err := m.Check(good); !errors.Is(err, siwe.ErrRefuse) {
		t.Errorf("before its time: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add(full)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := siwe.Parse(text)
		if err != nil {
			if !errors.Is(err, siwe.ErrForm) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if back, err := m.Format(); err != nil || back != text {
			t.Fatalf("%v\n%q\n%q", err, text, back)
		}
	})
}
