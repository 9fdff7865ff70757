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

// Presenter is who shows a passport, as far as it is known otherwise than by the passport. A passport and its visas are bearer
// tokens about a person; whoever has a copy could show them. The zero value is somebody of whom nothing is known, whose visas
// count for nothing.
type Presenter struct {
	People  []Identity // identities that are known to be its people's
	Clients []Identity // what brokers know it as: Subject is its client id at Issuer
	Here    []string   // what a passport may call the place where it is shown (aud)
}

// Shown is what counts of a passport.
type Shown struct {
	Visas   []Accepted
	Until   int64    // when the first of them ends, or the passport, in seconds since 1970
	Ignored []string // of each other visa, why it does not count; repeats nothing of it
}

// Accepted is a visa that counts.
type Accepted struct {
	Visa
	Digest [32]byte // SHA-256 of the token
}

// Limits of what is read, in visas and in bytes of a token.
const (
	maxVisas    = 32
	maxToken    = 8192
	maxPassport = maxVisas * maxToken * 2
)

// Accept reads a passport: the passport's token, or the tokens of visas with spaces between. A visa counts when a key of its issuer
// has signed it, it is in form and in its time (now is in seconds since 1970), it is of one of the presenter's people, and its
// conditions hold by the others.
//
// Whose people: a visa's identity (iss and sub) is the presenter's when the presenter is known to have it (People), when the passport
// is a token that a believed broker signed for the presenter's own client (aud) and for that identity, or when a visa links it to one
// that is (LinkedIdentities, GA4GH Passport 1.2), directly or by others. A link under conditions, or that no organisation
// stands for (by so, system or dac), links nothing.
//
// It fails on what is no passport, on one that is over, was given to somebody else or is not signed by the broker that it names, and
// on visas of more than one person. Of a broker that nobody believes here the signature is not asked for: then the passport proves
// nothing that its visas do not.
func (t Trust) Accept(passport string, by Presenter, now int64) (Shown, error) {
	tokens, holder, until, err := t.open(passport, by, now)
	if err != nil {
		return Shown{}, fmt.Errorf("read passport: %w", err)
	}
	s := Shown{Until: until}
	for i, token := range tokens {
		v, err := t.verify(token, now)
		if err != nil {
			s.ignore(i, err.Error())
			continue
		}
		s.Visas = append(s.Visas, Accepted{v, sha256.Sum256([]byte(token))})
	}
	p := peopleOf(s.Visas)
	if !OnePerson(len(p.at), p.links) {
		return Shown{Ignored: s.Ignored}, errors.New("read passport: its visas are of more than one person, and none links them")
	}
	p.reach(append(holder, by.People...))
	s.keep(func(a Accepted) bool { return p.known[p.at[a.identity()]] }, "it is of nobody who is known as one of yours")
	all := assertions(s.Visas)
	s.keep(func(a Accepted) bool { return Satisfied(a.Assertion.Conditions, all) }, "its conditions do not hold")
	for _, v := range s.Visas {
		s.end(v.Expires)
	}
	return s, nil
}

func (s *Shown) ignore(i int, why string) {
	s.Ignored = append(s.Ignored, fmt.Sprintf("visa %d: %s", i, why))
}

// keep drops the visas that are not as they have to be.
func (s *Shown) keep(is func(Accepted) bool, why string) {
	s.Visas = slices.DeleteFunc(s.Visas, func(a Accepted) bool {
		if is(a) {
			return false
		}
		s.Ignored = append(s.Ignored, "a visa: "+why)
		return true
	})
}

// end makes what is shown end at a time, if it does not before.
func (s *Shown) end(at int64) {
	if s.Until == 0 || at < s.Until {
		s.Until = at
	}
}

func (v Visa) identity() Identity { return Identity{v.Subject, v.Issuer} }

// container is the claims of a passport's own token (AAI 1.2, Passport Format).
type container struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	Visas    []string `json:"ga4gh_passport_v1"` //nolint:tagliatelle // GA4GH
}

// check reports whether the token says what it has to, and is in its time.
func (p *container) check(now int64) error {
	switch {
	case p.Issuer == "" || p.Subject == "" || p.IssuedAt == 0 || p.Expires == 0:
		return errors.New("it has no iss, sub, iat or exp")
	case p.IssuedAt > now+leeway || now >= p.Expires:
		return errors.New("it has expired, or is not valid yet")
	}
	return nil
}

// audience is one name or several (RFC 7519, 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// open returns the tokens of a passport's visas, of whom its own token proves the presenter to have it, and when that ends (0: there
// is none).
func (t Trust) open(text string, by Presenter, now int64) (tokens []string, holder []Identity, until int64, err error) {
	if len(text) > maxPassport {
		return nil, nil, 0, errForm
	}
	tokens = strings.Fields(text)
	if len(tokens) == 1 {
		var p container
		jws, err := jose.ParseSigned(tokens[0], algorithms)
		if err == nil && json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &p) == nil && p.Visas != nil {
			if holder, err = t.holder(jws, p, by, now); err != nil {
				return nil, nil, 0, err
			}
			tokens, until = p.Visas, p.Expires
		}
	}
	if len(tokens) == 0 || len(tokens) > maxVisas || slices.ContainsFunc(tokens, func(s string) bool { return len(s) > maxToken }) {
		return nil, nil, 0, errForm
	}
	return tokens, holder, until, nil
}

var errForm = fmt.Errorf("it has 1 to %d visas of %d bytes at most", maxVisas, maxToken)

// holder checks a passport's own token, and says whose it is if that is proven.
func (t Trust) holder(jws *jose.JSONWebSignature, p container, by Presenter, now int64) ([]Identity, error) {
	given := slices.ContainsFunc(by.Clients, func(c Identity) bool { return c.Issuer == p.Issuer && slices.Contains(p.Audience, c.Subject) })
	here := slices.ContainsFunc(by.Here, func(name string) bool { return slices.Contains(p.Audience, name) })
	_, believed := t[p.Issuer]
	err := p.check(now)
	switch {
	case err != nil:
		return nil, err
	case len(p.Audience) > 0 && !given && !here:
		return nil, errors.New("it was given to somebody else, or for another place (aud)")
	case !believed:
		return nil, nil
	}
	if err := t.signed(jws, p.Issuer); err != nil || !given {
		return nil, err
	}
	return []Identity{{p.Subject, p.Issuer}}, nil
}

// signed checks that a key of an issuer has signed. Its errors repeat nothing of what was.
func (t Trust) signed(jws *jose.JSONWebSignature, issuer string) error {
	if len(jws.Signatures) != 1 {
		return errors.New("it is not signed once")
	}
	set := t[issuer]
	keys := set.Key(jws.Signatures[0].Header.KeyID)
	if len(keys) == 0 {
		return errors.New("there is no such key of its issuer here")
	}
	if !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		_, err := jws.Verify(k.Key)
		return k.IsPublic() && k.Valid() && err == nil
	}) {
		return errors.New("its signature does not hold")
	}
	return nil
}

// verify reads one visa. Its errors repeat nothing of it.
func (t Trust) verify(token string, now int64) (Visa, error) {
	v, err := Unverified(token)
	if err != nil {
		return v, errors.New("it is not in form")
	}
	jws, err := jose.ParseSigned(token, algorithms)
	if err != nil {
		return v, errors.New("it is not signed by RS256 or ES256")
	}
	if err := t.signed(jws, v.Issuer); err != nil {
		return v, err
	}
	if v.IssuedAt > now+leeway || !Lasts(now, 0, v.Expires, v.Assertion.Asserted, nil) {
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
