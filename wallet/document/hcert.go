package document

import (
	"bytes"
	"compress/zlib"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

const hcertPrefix = "HC1:"

// claims of a CWT that an HCERT has (RFC 8392, and -260 of the HCERT specification).
type claims struct {
	Issuer  string                    `cbor:"1,keyasint,omitempty"`
	Expires number                    `cbor:"4,keyasint,omitempty"`
	Issued  number                    `cbor:"6,keyasint"`
	HCERT   map[int64]cbor.RawMessage `cbor:"-260,keyasint"`
}

// number is a NumericDate: an integer or, rarely, a float; seconds since 1970.
type number float64

func (n number) time() time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// readHCERT reads one HCERT.
func readHCERT(text string, t *Trust, now time.Time) (Document, error) {
	packed, err := fromBase45(text[len(hcertPrefix):])
	if err != nil {
		return Document{}, err
	}
	b, err := inflate(packed)
	if err != nil {
		return Document{}, err
	}
	return readCOSE(b, t, now)
}

// inflate unpacks a whole zlib stream; some issuers left the packing out, and the specification lets them.
func inflate(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != 0x78 {
		return b, nil
	}
	in := bytes.NewReader(b)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("unpack the certificate: %w", err)
	}
	out, err := unpack(z)
	if err == nil && in.Len() > 0 {
		err = errors.New("something stands behind it")
	}
	if err != nil {
		return nil, fmt.Errorf("unpack the certificate: %w", err)
	}
	return out, nil
}

// unpack reads all of r, up to the bound of rule (a).
func unpack(r io.Reader) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err == nil && len(out) > maxUnpacked {
		err = errors.New("it is too large")
	}
	return out, err
}

// decoder takes well-formed CBOR with text keys where JSON has names, and dates as the text that the issuer wrote.
var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, TimeTagToAny: cbor.TimeTagToRFC3339, MaxNestedLevels: 16, MaxArrayElements: 4096, MaxMapPairs: 4096,
		DefaultMapType: reflect.TypeFor[map[string]any](),
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

func readCOSE(b []byte, t *Trust, now time.Time) (Document, error) {
	b = bytes.TrimPrefix(b, []byte{0xd8, 61}) // the CWT tag may stand before that of COSE_Sign1
	var m cose.Sign1Message
	if len(b) > 0 && b[0] == 0xd2 {
		if err := m.UnmarshalCBOR(b); err != nil {
			return Document{}, fmt.Errorf("read the signature's envelope: %w", err)
		}
	} else {
		var u cose.UntaggedSign1Message
		if err := u.UnmarshalCBOR(b); err != nil {
			return Document{}, fmt.Errorf("read the signature's envelope: %w", err)
		}
		m = cose.Sign1Message(u)
	}
	var c claims
	if err := decoder.Unmarshal(m.Payload, &c); err != nil {
		return Document{}, fmt.Errorf("read the claims: %w", err)
	}
	content, cert, err := certificate(c)
	if err != nil {
		return Document{}, err
	}
	kid := keyOf(m.Headers)
	d := Document{
		Kind: HCERT, Issuer: c.Issuer, Key: base64.StdEncoding.EncodeToString(kid), Issued: c.Issued.time(), Expires: c.Expires.time(), Content: content,
	}
	cert.describe(&d)
	d.signed(&m, t.signers(kid), cert)
	d.within(now)
	return d, nil
}

// certificate is the EU DCC in the claims: claim -260, entry 1.
func certificate(c claims) (json.RawMessage, dcc, error) {
	var cert dcc
	raw, ok := c.HCERT[1]
	if !ok {
		return nil, cert, errors.New("there is no certificate of a kind known here in it")
	}
	var v map[string]any
	if err := decoder.Unmarshal(raw, &v); err != nil {
		return nil, cert, fmt.Errorf("read the certificate: %w", err)
	}
	content, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(content, &cert)
	}
	if err != nil {
		return nil, cert, fmt.Errorf("read the certificate: %w", err)
	}
	return content, cert, nil
}

// keyOf is the kid; rule (c).
func keyOf(h cose.Headers) []byte {
	for _, values := range []map[any]any{h.Protected, h.Unprotected} {
		if kid, ok := values[cose.HeaderLabelKeyID].([]byte); ok {
			return kid
		}
	}
	return nil
}

// signed judges rules (b), (c), (f), and (e) as to the certificate.
func (d *Document) signed(m *cose.Sign1Message, signers []*x509.Certificate, content dcc) {
	alg, err := m.Headers.Protected.Algorithm()
	if err != nil || alg != cose.AlgorithmES256 && alg != cose.AlgorithmPS256 {
		d.object(Signature, "it is signed by a method that is not allowed")
		return
	}
	if len(signers) == 0 {
		d.object(UnknownKey, "its key is not on the trust list")
		return
	}
	for _, cert := range signers {
		v, err := cose.NewVerifier(alg, cert.PublicKey)
		if err != nil || m.Verify(nil, v) != nil {
			continue
		}
		if d.Issued.Before(cert.NotBefore) || d.Issued.After(cert.NotAfter) {
			d.object(Expired, "it was signed outside the life of the key's certificate")
		}
		if !allowed(cert, content.kind()) {
			d.object(KeyUsage, "its key may not sign a %s", content.kind())
		}
		return
	}
	d.object(Signature, "its signature is wrong: it was changed, or is false")
}

// allowed judges rule (f). The specification and the certificates in use differ in one arc of the identifiers.
func allowed(c *x509.Certificate, kind string) bool {
	limited := false
	for i, name := range []string{"test", "vaccination", "recovery"} {
		n := string(rune('1' + i))
		for _, oid := range c.UnknownExtKeyUsage {
			if s := oid.String(); s == "1.3.6.1.4.1.1847.2021.1."+n || s == "1.3.6.1.4.1.0.1847.2021.1."+n {
				if limited = true; name == kind {
					return true
				}
			}
		}
	}
	return !limited
}

// dcc is the EU Digital COVID Certificate, schema 1.3, as far as it is shown and checked.
type dcc struct {
	Version string `json:"ver"`
	Name    struct {
		Family         string `json:"fn"`
		Given          string `json:"gn"`
		StandardFamily string `json:"fnt"`
	} `json:"nam"`
	Born         string           `json:"dob"`
	Vaccinations []map[string]any `json:"v"`
	Tests        []map[string]any `json:"t"`
	Recoveries   []map[string]any `json:"r"`
}

// statements are the kinds of statement with the members that the schema requires.
var statements = []struct {
	kind     string
	of       func(dcc) []map[string]any
	required []string
	date     string
	code     string
}{
	{"vaccination", func(c dcc) []map[string]any { return c.Vaccinations }, []string{"tg", "vp", "mp", "ma", "dn", "sd", "dt", "co", "is", "ci"}, "dt", "mp"},
	{"test", func(c dcc) []map[string]any { return c.Tests }, []string{"tg", "tt", "sc", "tr", "co", "is", "ci"}, "sc", "tr"},
	{"recovery", func(c dcc) []map[string]any { return c.Recoveries }, []string{"tg", "fr", "co", "is", "df", "du", "ci"}, "fr", "tg"},
}

func (c dcc) kind() string {
	for _, s := range statements {
		if len(s.of(c)) > 0 {
			return s.kind
		}
	}
	return ""
}

// describe fills in what the certificate says, and judges rule (g).
func (c dcc) describe(d *Document) {
	d.Person = Person{Family: c.Name.Family, Given: c.Name.Given, Born: c.Born}
	if d.Person.Family == "" {
		d.Person.Family = c.Name.StandardFamily
	}
	count := 0
	for _, s := range statements {
		for _, e := range s.of(c) {
			count++
			d.Facts = append(d.Facts, Fact{Kind: s.kind, Date: text(e, s.date), Code: text(e, s.code), Text: doses(e)})
			if i := slices.IndexFunc(s.required, func(k string) bool { return e[k] == nil || e[k] == "" }); i >= 0 {
				d.object(Schema, "the %s has no %q", s.kind, s.required[i])
			}
		}
	}
	switch {
	case count != 1:
		d.object(Schema, "it has %d statements; a certificate has one", count)
	case c.Version == "" || c.Name.StandardFamily == "":
		d.object(Schema, "its version or the person's name is missing")
	}
}

func doses(e map[string]any) string {
	if e["dn"] == nil {
		return ""
	}
	return fmt.Sprintf("dose %v of %v", e["dn"], e["sd"])
}

func text(e map[string]any, k string) string {
	s, ok := e[k].(string)
	if !ok {
		return ""
	}
	return s
}
