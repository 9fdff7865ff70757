package passport

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Trust is whose visas are believed: the keys of each issuer, by its iss. Nothing is ever fetched: a visa's jku names where its
// issuer says that its keys are, and counts for nothing here.
type Trust map[string]jose.JSONWebKeySet

// algorithms are those of GA4GH's AAI profile.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// Accepted is a visa that counts.
type Accepted struct {
	Visa
	Digest [32]byte // SHA-256 of the token
}

// Limits of what is read, in visas and in bytes of a token.
const (
	maxVisas = 32
	maxToken = 8192
)

// Accept reads a passport: the passport's token, or the tokens of visas with spaces between. The signature of a passport around its
// visas proves nothing that theirs do not, so it is not asked for. A visa counts when a key of its issuer has signed it, it is in
// form and in its time (now is in seconds since 1970), and its conditions hold by the others. ignored says of each other visa why it
// does not. It fails on what is no passport, and on visas of more than one person.
func (t Trust) Accept(passport string, now int64) (out []Accepted, ignored []string, err error) {
	tokens, err := visas(passport)
	if err != nil {
		return nil, nil, err
	}
	for i, token := range tokens {
		v, err := t.verify(token, now)
		if err != nil {
			ignored = append(ignored, fmt.Sprintf("visa %d: %v", i, err))
			continue
		}
		out = append(out, Accepted{v, sha256.Sum256([]byte(token))})
	}
	if !onePerson(out) {
		return nil, ignored, errors.New("read passport: its visas are of more than one person, and none links them")
	}
	all := assertions(out)
	out = slices.DeleteFunc(out, func(a Accepted) bool {
		if Satisfied(a.Assertion.Conditions, all) {
			return false
		}
		ignored = append(ignored, "a visa of type "+a.Assertion.Type+": its conditions do not hold")
		return true
	})
	return out, ignored, nil
}

// visas are the tokens of a passport.
func visas(passport string) ([]string, error) {
	tokens := strings.Fields(passport)
	if len(tokens) == 1 {
		var p struct {
			Visas []string `json:"ga4gh_passport_v1"` //nolint:tagliatelle // GA4GH
		}
		if jws, err := jose.ParseSigned(tokens[0], []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256}); err == nil &&
			json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &p) == nil && p.Visas != nil {
			tokens = p.Visas
		}
	}
	if len(tokens) == 0 || len(tokens) > maxVisas || slices.ContainsFunc(tokens, func(s string) bool { return len(s) > maxToken }) {
		return nil, fmt.Errorf("read passport: it has 1 to %d visas of %d bytes at most", maxVisas, maxToken)
	}
	return tokens, nil
}

// verify reads one visa. Its errors repeat nothing of it.
func (t Trust) verify(token string, now int64) (Visa, error) {
	v, err := Unverified(token)
	if err != nil {
		return v, errors.New("it is not in form")
	}
	jws, err := jose.ParseSigned(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return v, errors.New("it is not signed by RS256 or ES256")
	}
	issuer := t[v.Issuer]
	keys := issuer.Key(jws.Signatures[0].Header.KeyID)
	if len(keys) == 0 {
		return v, errors.New("there is no such key of its issuer here")
	}
	signed := slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		_, err := jws.Verify(k.Key)
		return k.IsPublic() && k.Valid() && err == nil
	})
	switch {
	case !signed:
		return v, errors.New("its signature does not hold")
	case v.IssuedAt > now+leeway || !Lasts(now, 0, v.Expires, v.Assertion.Asserted, nil):
		return v, errors.New("it has expired, or is not valid yet")
	}
	return v, nil
}

// leeway is how far the clock of an issuer may be ahead, in seconds.
const leeway = 60

func assertions(vs []Accepted) (out []Assertion) {
	for _, v := range vs {
		out = append(out, v.Assertion)
	}
	return out
}

// onePerson reports whether visas are of one person: all of the same identity, or joined by visas that link theirs.
func onePerson(vs []Accepted) bool {
	var people []Identity
	at := func(id Identity) int {
		i := slices.Index(people, id)
		if i < 0 {
			i, people = len(people), append(people, id)
		}
		return i
	}
	for _, v := range vs {
		at(Identity{v.Subject, v.Issuer})
	}
	n := len(people)
	var links [][2]int
	for _, v := range vs {
		if v.Assertion.Type != LinkedIdentities {
			continue
		}
		linked, err := ParseLinked(v.Assertion.Value)
		if err != nil {
			continue
		}
		for _, id := range linked {
			links = append(links, [2]int{at(Identity{v.Subject, v.Issuer}), at(id)})
		}
	}
	return OnePerson(n, links)
}
