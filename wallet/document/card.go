package document

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	cardPrefix = "shc:/"
	cardType   = "https://smarthealth.cards#health-card"
	// A QR code of the size that the framework allows holds that many characters of a JWS whole, or a part of it.
	maxWhole, maxChunk = 1195, 1191
)

var (
	compactJWS = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
	chunkMark  = regexp.MustCompile(`^([1-9][0-9]?)/([1-9][0-9]?)/`)
)

// fromDigits turns the texts of a card's QR codes into its JWS: each character is two digits, its code less 45. A card that
// one code can hold is not in several, and several hold as much each.
func fromDigits(parts []string) (string, error) {
	chunks := make([]string, len(parts))
	for _, p := range parts {
		digits, ok := strings.CutPrefix(p, cardPrefix)
		if !ok {
			return "", errForm
		}
		n := 1
		if m := chunkMark.FindStringSubmatch(digits); m != nil {
			digits = digits[len(m[0]):]
			n, _ = strconv.Atoi(m[1])              //nolint:errcheck // digits
			if m[2] != strconv.Itoa(len(chunks)) { // also: all are there
				return "", fmt.Errorf("the card has %s parts, and %d are here", m[2], len(chunks))
			}
		} else if len(parts) > 1 {
			return "", errors.New("a card of several parts has their number in each")
		}
		text, err := characters(digits)
		if err != nil {
			return "", err
		}
		if n > len(chunks) || chunks[n-1] != "" {
			return "", errors.New("a part of the card is there twice, or beyond the last")
		}
		chunks[n-1] = text
	}
	jws := strings.Join(chunks, "")
	if err := balanced(chunks, len(jws)); err != nil {
		return "", err
	}
	if !compactJWS.MatchString(jws) {
		return "", errForm
	}
	return jws, nil
}

func balanced(chunks []string, total int) error {
	if len(chunks) == 1 {
		return nil // longer than a code holds, but it came
	}
	want := (total + maxChunk - 1) / maxChunk
	for _, c := range chunks {
		if total <= maxWhole || len(chunks) != want || len(c) > maxChunk {
			return errors.New("the card is in more parts than it needs, or in unequal ones")
		}
	}
	return nil
}

func characters(digits string) (string, error) {
	if len(digits) == 0 || len(digits)%2 != 0 {
		return "", errors.New("a card's digits come in pairs")
	}
	out := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		a, b := digits[i]-'0', digits[i+1]-'0'
		if a > 9 || b > 9 || a*10+b > 'z'-45 {
			return "", errors.New("a card has pairs of digits up to 77 behind its prefix")
		}
		out = append(out, a*10+b+45)
	}
	return string(out), nil
}

// readFile reads the cards of a .smart-health-card file, or of what a FHIR server's $health-cards-issue returns.
func readFile(text string, t *Trust, now time.Time) ([]Document, error) {
	var in struct {
		Cards      []string `json:"verifiableCredential"`
		Type       string   `json:"resourceType"`
		Parameters []struct {
			Name  string `json:"name"`
			Value string `json:"valueString"`
		} `json:"parameter"`
	}
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if in.Type == "Parameters" {
		for _, p := range in.Parameters {
			if p.Name == "verifiableCredential" {
				in.Cards = append(in.Cards, p.Value)
			}
		}
	}
	if len(in.Cards) == 0 {
		return nil, errors.New("there is no card in the file")
	}
	out := make([]Document, len(in.Cards))
	for i, jws := range in.Cards {
		var err error
		if out[i], err = readCard(jws, t, now); err != nil {
			return nil, fmt.Errorf("card %d: %w", i+1, err)
		}
	}
	return out, nil
}

// readCard reads the JWS of one card.
func readCard(text string, t *Trust, now time.Time) (Document, error) {
	if !compactJWS.MatchString(text) {
		return Document{}, errForm
	}
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256}) // rule (b)
	if err != nil {
		return Document{}, fmt.Errorf("read the card: %w", err)
	}
	h := jws.Signatures[0].Protected
	if h.ExtraHeaders["zip"] != "DEF" || h.KeyID == "" {
		return Document{}, errors.New(`a card's header has "zip" DEF and a "kid"`)
	}
	payload, err := deflated(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return Document{}, err
	}
	d, id, err := readCredential(payload, now)
	if err != nil {
		return d, err
	}
	d.Key = h.KeyID
	k, known := t.cardKey(d.Issuer, h.KeyID)
	if !known {
		d.object(UnknownKey, "its key is not on the trust list")
		return d, nil
	}
	if _, wrong := jws.Verify(k.key); wrong != nil {
		d.object(Signature, "its signature is wrong: it was changed, or is false")
	} else if why := t.revoked(d, k, id); why != "" {
		d.object(Revoked, "%s", why)
	}
	return d, nil
}

func deflated(b []byte) ([]byte, error) {
	in := bytes.NewReader(b)
	out, err := unpack(flate.NewReader(in))
	if err == nil && in.Len() > 0 {
		err = errors.New("something stands behind it")
	}
	if err != nil {
		return nil, fmt.Errorf("unpack the card: %w", err)
	}
	return out, nil
}

func (t *Trust) cardKey(url, kid string) (cardKey, bool) {
	if t == nil {
		return cardKey{}, false
	}
	k, ok := t.issuers[url][kid]
	return k, ok
}

// revoked judges rule (h). It returns why a card is not to be believed, or "".
func (t *Trust) revoked(d Document, k cardKey, id string) string {
	if k.version == 0 || id == "" {
		return ""
	}
	list, ok := t.lists[d.Issuer+"#"+d.Key]
	if !ok || list.version != k.version {
		return "whether it was revoked cannot be found out without the list that belongs to its key"
	}
	if before, listed := list.before[id]; listed && (before.IsZero() || d.Issued.Before(before)) {
		return "its issuer has revoked it"
	}
	return ""
}

// credential is the payload of a card.
type credential struct {
	Issuer string   `json:"iss"`
	Issued *float64 `json:"nbf"`
	Expiry *float64 `json:"exp"`
	VC     struct {
		Type    []string `json:"type"`
		RID     string   `json:"rid"`
		Subject struct {
			Version string          `json:"fhirVersion"`
			Bundle  json.RawMessage `json:"fhirBundle"`
		} `json:"credentialSubject"`
	} `json:"vc"`
}

// readCredential reads a payload, and judges rules (a), (e) and (g) on it.
func readCredential(payload []byte, now time.Time) (d Document, id string, err error) {
	if len(bytes.TrimSpace(payload)) != len(payload) {
		return d, "", errors.New("something stands before or behind the card's content")
	}
	var c credential
	if err := json.Unmarshal(payload, &c); err != nil {
		return d, "", fmt.Errorf("read the card: %w", err)
	}
	if c.Issued == nil {
		return d, "", errors.New("the card does not say since when it holds")
	}
	d = Document{Kind: HealthCard, Issuer: c.Issuer, Content: c.VC.Subject.Bundle}
	var ok bool
	if d.Issued, ok = instant(*c.Issued); !ok {
		d.object(NotYetValid, "it is issued for a year that is none")
	}
	if c.Expiry != nil {
		if d.Expires, ok = instant(*c.Expiry); !ok {
			d.object(Expired, "it ends in a year that is none")
		}
	}
	d.within(now)
	if err := issuerURL(c.Issuer); err != nil {
		d.object(Issuer, "%v", err)
	}
	if !slices.Contains(c.VC.Type, cardType) {
		d.object(Schema, "it does not say that it is a health card")
	}
	if !strings.HasPrefix(c.VC.Subject.Version, "4.") {
		d.object(Schema, "it holds no FHIR R4")
	}
	d.bundle(c.VC.Subject.Bundle)
	return d, c.VC.RID, nil
}

// instant is a NumericDate. Issuers have sent milliseconds: a year above 9999 is no date.
func instant(seconds float64) (time.Time, bool) {
	const year10000 = 253402300800
	if math.IsNaN(seconds) || seconds < 0 || seconds >= year10000 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), true
}
