package document

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Trust is the keys that a reader believes. Whoever hands them over vouches for them: a did:web document of WHO's trust
// network says who published it in a proof over its RDF form, which is not checked here, so get it by a way that you trust.
// The zero Trust believes nobody.
type Trust struct {
	certs   map[string][]*x509.Certificate // document signers by kid
	issuers map[string]map[string]cardKey  // by URL and kid
	lists   map[string]revocations         // by URL and kid
}

type cardKey struct {
	key     *ecdsa.PublicKey
	version int // crlVersion: of the newest revocation list; 0: the key has none
}

// signers are the certificates with a kid.
func (t *Trust) signers(kid []byte) []*x509.Certificate {
	if t == nil || len(kid) == 0 {
		return nil
	}
	return t.certs[string(kid)]
}

// AddCertificate trusts a DER certificate to sign HCERTs, within its key usage.
func (t *Trust) AddCertificate(der []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read a certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	if t.certs == nil {
		t.certs = map[string][]*x509.Certificate{}
	}
	kid := string(sum[:8])
	t.certs[kid] = append(t.certs[kid], c)
	return nil
}

// Key is one key of a did:web document.
type Key struct {
	ID          string // of the verification method: the DID, # and the kid
	Kid         string // standard base64 of the first 8 bytes of the certificate's SHA-256
	Certificate *x509.Certificate
}

// Usage is the last part of the DID: SCA, DSC, ... (code system KeyUsage of the GDHCN guide).
func (k Key) Usage() string {
	did, _, _ := strings.Cut(k.ID, "#")
	return did[strings.LastIndexByte(did, ':')+1:]
}

// ParseDID reads a did:web document of the GDHCN: the keys that are in it, and the DIDs of the documents that it refers to. The
// key is that of the certificate x5c[0]: published JWK coordinates often have a leading zero byte or no curve, against RFC 7518.
func ParseDID(b []byte) (keys []Key, references []string, err error) {
	var doc struct {
		ID      string            `json:"id"`
		Methods []json.RawMessage `json:"verificationMethod"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || !strings.HasPrefix(doc.ID, "did:web:") {
		return nil, nil, errors.New("this is no did:web document")
	}
	for _, raw := range doc.Methods {
		var ref string
		if json.Unmarshal(raw, &ref) == nil {
			references = append(references, ref)
			continue
		}
		k, err := parseMethod(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", doc.ID, err)
		}
		keys = append(keys, k)
	}
	return keys, references, nil
}

func parseMethod(raw []byte) (Key, error) {
	var m struct {
		ID  string `json:"id"`
		JWK struct {
			Kid string   `json:"kid"`
			X5C [][]byte `json:"x5c"` // standard base64, as encoding/json has it
		} `json:"publicKeyJwk"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return Key{}, fmt.Errorf("read a verification method: %w", err)
	}
	if len(m.JWK.X5C) == 0 {
		return Key{}, fmt.Errorf("verification method %s has no certificate", m.ID)
	}
	c, err := x509.ParseCertificate(m.JWK.X5C[0])
	if err != nil {
		return Key{}, fmt.Errorf("verification method %s: %w", m.ID, err)
	}
	sum := sha256.Sum256(c.Raw)
	kid := base64.StdEncoding.EncodeToString(sum[:8])
	if m.JWK.Kid != kid || !strings.HasSuffix(m.ID, "#"+kid) {
		return Key{}, fmt.Errorf("verification method %s does not have the name of its certificate, %s", m.ID, kid)
	}
	return Key{m.ID, kid, c}, nil
}

// AddDID trusts the document signers (usage DSC) of a did:web document. An authority's certificate (SCA) signs no documents.
func (t *Trust) AddDID(b []byte) (added int, err error) {
	keys, _, err := ParseDID(b)
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if k.Usage() != "DSC" {
			continue
		}
		if err := t.AddCertificate(k.Certificate.Raw); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

// AddIssuer trusts the JWK set of a SMART Health Card issuer. Each key is public, EC P-256, for ES256 signatures, and named by
// its thumbprint; else the whole set is refused.
func (t *Trust) AddIssuer(url string, jwks []byte) error {
	if err := issuerURL(url); err != nil {
		return err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) == 0 {
		return errors.New("this is no set of keys")
	}
	keys := map[string]cardKey{}
	for _, raw := range set.Keys {
		kid, k, err := parseCardKey(raw)
		if err != nil {
			return fmt.Errorf("keys of %s: %w", url, err)
		}
		keys[kid] = k
	}
	if t.issuers == nil {
		t.issuers = map[string]map[string]cardKey{}
	}
	t.issuers[url] = keys
	return nil
}

func parseCardKey(raw []byte) (kid string, k cardKey, err error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(raw); err != nil {
		return "", k, fmt.Errorf("read a key: %w", err)
	}
	public, ok := key.Key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return "", k, errors.New("a key is public, EC and P-256")
	}
	if key.Use != "sig" || key.Algorithm != string(jose.ES256) {
		return "", k, errors.New(`a key has "use" sig and "alg" ES256`)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", k, fmt.Errorf("name a key: %w", err)
	}
	if want := base64.RawURLEncoding.EncodeToString(sum); key.KeyID != want {
		return "", k, fmt.Errorf("a key is named by its thumbprint, %s", want)
	}
	var list struct {
		Version int `json:"crlVersion"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", k, fmt.Errorf("read a key: %w", err)
	}
	return key.KeyID, cardKey{public, list.Version}, nil
}

func issuerURL(url string) error {
	if !strings.HasPrefix(url, "https://") || strings.HasSuffix(url, "/") || len(url) == len("https://") {
		return errors.New("an issuer is an https URL without a slash at its end")
	}
	return nil
}

// revocations says which ids are revoked: all cards, or those issued before a time.
type revocations struct {
	version int
	before  map[string]time.Time // zero: all
}

var revocationID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,24}$`)

// AddRevocations takes the newest revocation list of an issuer's key.
func (t *Trust) AddRevocations(url string, b []byte) error {
	var in struct {
		Kid    string   `json:"kid"`
		Method string   `json:"method"`
		Ctr    int      `json:"ctr"`
		IDs    []string `json:"rids"`
	}
	if err := json.Unmarshal(b, &in); err != nil || in.Kid == "" || in.Method != "rid" || in.Ctr < 1 {
		return errors.New(`a revocation list has "kid", "method" rid, a "ctr" and "rids"`)
	}
	r := revocations{in.Ctr, map[string]time.Time{}}
	for _, text := range in.IDs {
		id, stamp, timed := strings.Cut(text, ".")
		var before time.Time
		if timed {
			s, err := strconv.ParseInt(stamp, 10, 64)
			if err != nil {
				return errors.New("a revocation id ends in a time that is none")
			}
			before = time.Unix(s, 0)
		}
		if !revocationID.MatchString(id) {
			return errors.New("a revocation id has at most 24 characters of base64url")
		}
		r.before[id] = before
	}
	if t.lists == nil {
		t.lists = map[string]revocations{}
	}
	t.lists[url+"#"+in.Kid] = r
	return nil
}

// Add takes whatever a file with trusted keys holds: a did:web document, certificates in PEM, or {"iss", "jwks", "crls"} with
// a health card issuer's keys and revocation lists. It returns how many keys it added.
func (t *Trust) Add(b []byte) (int, error) {
	if block, _ := pem.Decode(b); block != nil {
		return t.addPEM(b)
	}
	var in struct {
		ID     string            `json:"id"`
		Issuer string            `json:"iss"`
		Keys   json.RawMessage   `json:"jwks"`
		Lists  []json.RawMessage `json:"crls"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(b), &in); err != nil {
		return 0, errors.New("trusted keys come as a did:web document, certificates in PEM, or JSON with iss and jwks")
	}
	if in.Issuer == "" {
		return t.AddDID(b)
	}
	if err := t.AddIssuer(in.Issuer, in.Keys); err != nil {
		return 0, err
	}
	for _, l := range in.Lists {
		if err := t.AddRevocations(in.Issuer, l); err != nil {
			return 0, err
		}
	}
	return len(t.issuers[in.Issuer]), nil
}

// TrustList makes one JSON document of files that Add takes, for readers that have no files: {"keys": [part, ...]}, each part a
// did:web document, {"iss", "jwks", "crls"}, or {"pem"}. It fails on a file that holds no keys, so that a mistyped list is
// seen when it is configured.
func TrustList(files ...[]byte) ([]byte, error) {
	var t Trust
	list := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for i, f := range files {
		n, err := t.Add(f)
		if err == nil && n == 0 {
			err = errors.New("it holds no keys that sign documents")
		}
		if err != nil {
			return nil, fmt.Errorf("part %d of the trust list: %w", i+1, err)
		}
		part := json.RawMessage(bytes.TrimSpace(f))
		if block, _ := pem.Decode(f); block != nil {
			if part, err = json.Marshal(map[string]string{"pem": string(f)}); err != nil {
				return nil, fmt.Errorf("write the trust list: %w", err)
			}
		}
		list.Keys = append(list.Keys, part)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("write the trust list: %w", err)
	}
	return b, nil
}

func (t *Trust) addPEM(b []byte) (n int, err error) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return n, nil
		}
		if block.Type != "CERTIFICATE" {
			return n, fmt.Errorf("a %s is no certificate", strings.ToLower(block.Type))
		}
		if err := t.AddCertificate(block.Bytes); err != nil {
			return n, err
		}
		n, b = n+1, rest
	}
}

// Issuers are the URLs of the trusted health card issuers, sorted.
func (t *Trust) Issuers() []string {
	out := make([]string, 0, len(t.issuers))
	for u := range t.issuers {
		out = append(out, u)
	}
	slices.Sort(out)
	return out
}
