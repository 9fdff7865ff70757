package passport_test

import (
	"strings"
	"testing"

	"github.com/volens-ledger/volens/policies/passport"
	"github.com/volens-ledger/volens/policies/passport/passporttest"
)

// TestHolder: a visa counts for the member whose researcher it is of, and for nobody who has a copy of it.
func TestHolder(t *testing.T) {
	const now = 1000
	brokers := map[string]*passporttest.Broker{}
	trust := passport.Trust{}
	for _, iss := range []string{"https://broker.example", "https://dac.example", "https://third.example", "https://nobody.example"} {
		brokers[iss] = passporttest.New(t, iss)
		trust[iss] = brokers[iss].Keys
	}
	brokers["https://broker.example"].Until = 1500
	delete(trust, "https://nobody.example")
	home, dac, third, nobody := brokers["https://broker.example"], brokers["https://dac.example"], brokers["https://third.example"], brokers["https://nobody.example"]
	registered := passport.Presenter{People: []passport.Identity{{Subject: "rosa", Issuer: dac.Issuer}}}
	client := passport.Presenter{Clients: []passport.Identity{{Subject: "rosa-app", Issuer: home.Issuer}}, Here: []string{"https://gateway.example"}}
	of := func(b *passporttest.Broker, sub string) string { return b.Visa(sub, "ResearcherStatus", "v", nil) }
	linkOf := func(b *passporttest.Broker, sub, to string, change map[string]any) string {
		return b.Visa(sub, "LinkedIdentities", to, change)
	}
	bySelf := func(by string, conditions any) map[string]any {
		return map[string]any{"ga4gh_visa_v1": map[string]any{
			"type": "LinkedIdentities", "asserted": 800, "value": "rosa,https%3A%2F%2Fdac.example", "source": "https://dac.example", "by": by, "conditions": conditions,
		}}
	}
	const toRosa, toHers = "rosa,https%3A%2F%2Fdac.example", "r1,https%3A%2F%2Fbroker.example"
	forged := strings.Split(home.Passport("r1", "rosa-app", of(home, "r1")), ".")
	for name, c := range map[string]struct {
		by       passport.Presenter
		passport string
		accepted int
		until    int64
		fails    bool
	}{
		"registered":                             {registered, of(dac, "rosa"), 1, 2000, false},
		"nobody is registered":                   {passport.Presenter{}, of(dac, "rosa"), 0, 0, false},
		"another person's":                       {registered, of(dac, "ron"), 0, 0, false},
		"the same name at another issuer":        {registered, of(home, "rosa"), 0, 0, false},
		"in another case":                        {registered, of(dac, "Rosa"), 0, 0, false},
		"a stolen visa beside one's own":         {registered, of(dac, "rosa") + " " + of(dac, "ron"), 0, 0, true},
		"linked to the registered one":           {registered, of(home, "r1") + " " + linkOf(home, "r1", toRosa, nil), 2, 1500, false},
		"linked by a third":                      {registered, of(home, "r1") + " " + linkOf(third, "0", toRosa+";"+toHers, nil), 2, 1500, false},
		"linked by herself":                      {registered, of(home, "r1") + " " + linkOf(home, "r1", "", bySelf("self", nil)), 0, 0, false},
		"linked by a colleague":                  {registered, of(home, "r1") + " " + linkOf(home, "r1", "", bySelf("peer", nil)), 0, 0, false},
		"linked by nobody says whom":             {registered, of(home, "r1") + " " + linkOf(home, "r1", "", bySelf("", nil)), 0, 0, false},
		"linked under a condition":               {registered, of(home, "r1") + " " + linkOf(home, "r1", "", bySelf("system", [][]map[string]string{{{"type": "ResearcherStatus", "value": "const:v"}}})), 0, 0, false},
		"linked by somebody nobody believes":     {registered, of(home, "r1") + " " + linkOf(nobody, "x", toRosa+";"+toHers, nil), 0, 0, false},
		"a link that cannot be read":             {registered, of(home, "r1") + " " + linkOf(home, "r1", "rosa", nil), 0, 0, false},
		"given to the client":                    {client, home.Passport("r1", "rosa-app", of(home, "r1")), 1, 1500, false},
		"given to it and another":                {client, home.Passport("r1", []string{"x", "rosa-app"}, of(home, "r1")), 1, 1500, false},
		"given to it, with another's visa":       {client, home.Passport("r1", "rosa-app", of(dac, "ron")), 0, 1500, false},
		"given to it, with a linked visa":        {client, home.Passport("r1", "rosa-app", of(dac, "rosa"), linkOf(home, "r1", toRosa, nil)), 2, 1500, false},
		"given to another client":                {client, home.Passport("r1", "mallory-app", of(home, "r1")), 0, 0, true},
		"given to another, though registered":    {registered, home.Passport("rosa", "mallory-app", of(dac, "rosa")), 0, 0, true},
		"another broker's client of that name":   {client, third.Passport("r1", "rosa-app", of(home, "r1")), 0, 0, true},
		"for this place: no proof":               {client, home.Passport("r1", "https://gateway.example", of(home, "r1")), 0, 1500, false},
		"for nobody in particular: no proof":     {client, home.Passport("r1", nil, of(home, "r1")), 0, 1500, false},
		"the visas out of it: no proof":          {client, of(home, "r1"), 0, 0, false},
		"a broker that nobody believes":          {client, nobody.Passport("r1", nil, of(home, "r1")), 0, 2000, false},
		"a broker that nobody believes, claimed": {client, nobody.Passport("r1", "rosa-app", of(home, "r1")), 0, 0, true},
		"signed by another key":                  {client, forged[0] + "." + forged[1] + "." + strings.Split(of(dac, "rosa"), ".")[2], 0, 0, true},
		"the broker's name, another's key":       {client, dac.As(home.Issuer).Passport("r1", "rosa-app", of(home, "r1")), 0, 0, true},
		"of no subject":                          {client, home.Passport("", "rosa-app", of(home, "r1")), 0, 0, true},
		"over":                                   {client, home.Sign(map[string]any{"iss": home.Issuer, "sub": "r1", "aud": "rosa-app", "iat": 900, "exp": now, "ga4gh_passport_v1": []string{of(home, "r1")}}), 0, 0, true},
		"not yet":                                {client, home.Sign(map[string]any{"iss": home.Issuer, "sub": "r1", "aud": "rosa-app", "iat": now + 61, "exp": 1500, "ga4gh_passport_v1": []string{of(home, "r1")}}), 0, 0, true},
		"without an end":                         {client, home.Sign(map[string]any{"iss": home.Issuer, "sub": "r1", "aud": "rosa-app", "iat": 900, "ga4gh_passport_v1": []string{of(home, "r1")}}), 0, 0, true},
		"believed only by its visas":             {registered, nobody.Passport("x", nil, of(dac, "rosa")), 1, 2000, false},
		"the first to end counts": {
			registered, of(dac, "rosa") + " " + dac.Visa("rosa", "AcceptedTermsAndPolicies", "v", map[string]any{"exp": 1200}), 2, 1200, false,
		},
	} {
		shown, err := trust.Accept(c.passport, c.by, now)
		if len(shown.Visas) != c.accepted || shown.Until != c.until || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", name, shown, err)
		}
	}
}
