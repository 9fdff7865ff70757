// Package passport reads GA4GH Passport 1.2 visas: what a researcher's organisation or a data access committee asserts of her.
//
// A Visa is a claim that somebody signed; checking that signature is the caller's, who knows which issuers to trust. This package
// says whether a visa is in form, whether its conditions hold by the researcher's other visas, how long access may last that stands
// on it, and whether several identities are one person's. A gateway may take a visa as evidence for a role or a purpose; it is never
// consent.
package passport

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Standard visa types.
const (
	AffiliationAndRole       = "AffiliationAndRole"
	AcceptedTermsAndPolicies = "AcceptedTermsAndPolicies"
	ResearcherStatus         = "ResearcherStatus"
	ControlledAccessGrants   = "ControlledAccessGrants"
	LinkedIdentities         = "LinkedIdentities"
)

// maxURL is how long the URL of a value, source or type may be.
const maxURL = 255

// Type reports whether a visa type is one of the standard's, or else a URL of somebody's own.
func Type(t string) (valid, custom bool) {
	if slices.Contains([]string{AffiliationAndRole, AcceptedTermsAndPolicies, ResearcherStatus, ControlledAccessGrants, LinkedIdentities}, t) {
		return true, false
	}
	u, err := url.Parse(t)
	custom = err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(t) <= maxURL
	return custom, custom
}

// Assertion is the claim ga4gh_visa_v1.
type Assertion struct {
	Type       string                `json:"type"`
	Asserted   int64                 `json:"asserted"` // seconds since 1970
	Value      string                `json:"value"`
	Source     string                `json:"source"`
	By         string                `json:"by"` // self, peer, system, so or dac; "" is unknown and matches nothing
	Conditions [][]map[string]string `json:"conditions"`
}

// Visa is the claims of a visa token.
type Visa struct {
	Issuer    string    `json:"iss"`
	Subject   string    `json:"sub"`
	IssuedAt  int64     `json:"iat"`
	Expires   int64     `json:"exp"`
	Scope     string    `json:"scope"`
	Assertion Assertion `json:"ga4gh_visa_v1"` //nolint:tagliatelle // GA4GH
}

// Unverified reads the claims of a visa token without checking its signature, and whether they are in form (Passport 1.2).
func Unverified(token string) (Visa, error) {
	var v Visa
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return v, errors.New("read visa: it is no signed token")
	}
	var header struct{ JKU string }
	for i, into := range []any{&header, &v} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			return v, fmt.Errorf("read visa: %w", err)
		}
	}
	if err := v.check(header.JKU); err != nil {
		return v, fmt.Errorf("read visa: %w", err)
	}
	return v, nil
}

func (v Visa) check(jku string) error {
	openid := slices.Contains(strings.Fields(v.Scope), "openid")
	switch {
	case v.Issuer == "" || v.Subject == "" || v.IssuedAt == 0 || v.Expires == 0:
		return errors.New("iss, sub, iat and exp are required")
	case openid == (jku != ""):
		return errors.New("it has either the scope openid or the header jku")
	}
	return v.Assertion.check()
}

func (a Assertion) check() error {
	valid, _ := Type(a.Type)
	switch {
	case !valid:
		return fmt.Errorf("%q is no visa type", a.Type)
	case a.Asserted == 0 || a.Value == "" || a.Source == "":
		return errors.New("asserted, value and source are required")
	case a.By == "" && (a.Type == AcceptedTermsAndPolicies || a.Type == ControlledAccessGrants):
		return errors.New("by is required")
	case len(a.Source) > maxURL:
		return errors.New("source is too long")
	}
	return nil
}

// Satisfied reports whether the conditions of a visa hold by the other visas of the same person: one of the lists, every clause of
// it by a single visa. Visas with conditions of their own do not count. No conditions hold always.
func Satisfied(conditions [][]map[string]string, others []Assertion) bool {
	if len(conditions) == 0 {
		return true
	}
	return slices.ContainsFunc(conditions, func(all []map[string]string) bool {
		return len(all) > 0 && !slices.ContainsFunc(all, func(clause map[string]string) bool {
			return !slices.ContainsFunc(others, func(a Assertion) bool { return len(a.Conditions) == 0 && meets(clause, a) })
		})
	})
}

// meets reports whether one visa meets a clause: its type, and at least one more claim, and no claim that is not known here.
func meets(clause map[string]string, a Assertion) bool {
	if clause["type"] == "" || clause["type"] != a.Type || len(clause) < 2 {
		return false
	}
	claims := map[string]string{"value": a.Value, "source": a.Source, "by": a.By}
	for _, name := range slices.Collect(maps.Keys(clause)) {
		if name == "type" {
			continue
		}
		have, known := claims[name]
		if !known || have == "" || clause[name] == "" || !Matches(clause[name], have) {
			return false
		}
	}
	return true
}

// Matches reports whether a value matches a condition: const:, pattern: (? one character, * any run, the whole string) or
// split_pattern: (any part of the value between semicolons). An empty condition matches anything; another prefix nothing.
func Matches(condition, value string) bool {
	if condition == "" {
		return true
	}
	kind, text, _ := strings.Cut(condition, ":")
	switch kind {
	case "const":
		return text == value
	case "pattern":
		return glob(text, value)
	case "split_pattern":
		return slices.ContainsFunc(strings.Split(value, ";"), func(part string) bool { return glob(text, part) })
	}
	return false
}

// glob matches in time proportional to both lengths: it goes back to the last * only.
func glob(pattern, text string) bool {
	p, s := []rune(pattern), []rune(text)
	i, star, mark := 0, -1, 0
	for j := 0; j < len(s); {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// Lasts reports whether access for ttl seconds from now may stand on a visa: it must end before the visa expires, and within
// maxAuthz seconds of the assertion when the visa limits that (nil: it does not).
func Lasts(now, ttl, expires, asserted int64, maxAuthz *int64) bool {
	end := expires
	if maxAuthz != nil {
		end = min(end, asserted+*maxAuthz)
	}
	return now+ttl < end
}

// Identity is a person at an issuer.
type Identity struct{ Subject, Issuer string }

// ParseLinked reads the value of a LinkedIdentities visa: "subject,issuer;...", each part URI-encoded.
func ParseLinked(value string) ([]Identity, error) {
	var out []Identity
	for part := range strings.SplitSeq(value, ";") {
		sub, iss, ok := strings.Cut(part, ",")
		s, subErr := url.PathUnescape(sub)
		i, issErr := url.PathUnescape(iss)
		if err := errors.Join(subErr, issErr); err != nil {
			return nil, fmt.Errorf("read linked identities: %w", err)
		}
		if !ok || s == "" || i == "" || strings.Contains(iss, ",") {
			return nil, fmt.Errorf("read linked identities: %q is not subject,issuer", part)
		}
		out = append(out, Identity{s, i})
	}
	return out, nil
}

// OnePerson reports whether the identities 0 to n-1 are joined by links, in whatever direction, directly or by others.
func OnePerson(n int, links [][2]int) bool {
	joined := map[int]bool{0: true}
	spread(joined, links)
	for i := range n {
		if !joined[i] {
			return false
		}
	}
	return true
}

// spread adds to some identities all that are linked to them.
func spread(joined map[int]bool, links [][2]int) {
	for grown := true; grown; {
		grown = false
		for _, l := range links {
			if joined[l[0]] != joined[l[1]] {
				joined[l[0]], joined[l[1]], grown = true, true, true
			}
		}
	}
}
