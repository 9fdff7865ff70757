package policies

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/vectors"
)

// fitsPCF knows a folder by its consents and decisions.
func fitsPCF(dir fs.FS) bool {
	for _, name := range []string{"normalised.json", "decisions.csv", "actors.json"} {
		if _, err := fs.Stat(dir, name); err != nil {
			return false
		}
	}
	return true
}

// pcf is the folder: consents by id, references by actor, resources by id.
type pcf struct {
	engine    *Engine
	consents  map[string]Record
	broken    map[string]error
	actors    map[string][]string
	resources map[string]Resource
	now       string // of the first row
}

// runPCF runs decisions.csv (consent, now, actor, purpose, resource, expected), each row one consent, one requester (a name
// of actors.json, or a reference) and one resource (or none) under the implicit policy deny, and tokens.json where there is one.
func runPCF(ctx context.Context, dir fs.FS, t *vectors.Tally) error {
	e, err := New(Config{Timeout: patience})
	if err != nil {
		return err
	}
	p := &pcf{engine: e, consents: map[string]Record{}, broken: map[string]error{}, resources: map[string]Resource{}}
	if err := p.load(dir); err != nil {
		return err
	}
	if err := p.decisions(ctx, dir, t); err != nil {
		return err
	}
	return p.tokens(ctx, dir, t)
}

func (p *pcf) load(dir fs.FS) error {
	var consents []struct {
		File     string
		Expected json.RawMessage
	}
	if err := vectors.Load(dir, "normalised.json", &consents); err != nil {
		return err
	}
	for _, c := range consents {
		r, err := parseNormalised(c.Expected)
		id := r.ID
		if id == "" {
			id = strings.TrimSuffix(path.Base(c.File), ".json")
		}
		if err != nil {
			p.broken[id] = err
			continue
		}
		p.consents[id] = r
	}
	if err := vectors.Load(dir, "actors.json", &p.actors); err != nil {
		return err
	}
	files, err := fs.Glob(dir, "resources/*.json")
	if err != nil {
		return err
	}
	for _, f := range files {
		raw, err := fs.ReadFile(dir, f)
		if err != nil {
			return err
		}
		r, err := ParseResource(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		p.resources[r.ID] = r
		p.resources[r.Type+"/"+r.ID] = r
	}
	return nil
}

func (p *pcf) decisions(ctx context.Context, dir fs.FS, t *vectors.Tally) error {
	f, err := dir.Open("decisions.csv")
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("decisions.csv: %w", err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, name := range []string{"consent", "now", "actor", "purpose", "resource", "expected"} {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("decisions.csv: there is no column %q", name)
		}
	}
	for i, row := range rows[1:] {
		at := func(name string) string { return row[column[name]] }
		if i == 0 {
			p.now = at("now")
		}
		got, err := p.decide(ctx, at)
		if err != nil {
			got = err.Error()
		}
		id := fmt.Sprintf("decisions.csv:%d: %s", i+2, strings.Join(row[:min(5, len(row))], ","))
		if err := t.Check(id, at("expected"), got); err != nil {
			return err
		}
	}
	return nil
}

// request is that of a row or token.
func (p *pcf) request(consentID, now, actor, purpose string) (Request, []Record, error) {
	var req Request
	r, ok := p.consents[consentID]
	if !ok {
		if err := p.broken[consentID]; err != nil {
			return req, nil, err
		}
		return req, nil, fmt.Errorf("there is no consent %q", consentID)
	}
	refs, ok := p.actors[actor]
	if !ok && !strings.Contains(actor, "/") {
		return req, nil, fmt.Errorf("there is no actor %q", actor)
	} else if !ok {
		refs = []string{actor}
	}
	t, err := ParseDate(now)
	if err != nil {
		return req, nil, err
	}
	req = Request{
		Actors: refs, Action: consent.Coding{Code: "access"}, Purpose: split([]string{purpose})[0], Now: t.Start,
	}
	return req, []Record{r}, nil
}

func (p *pcf) decide(ctx context.Context, at func(string) string) (string, error) {
	req, records, err := p.request(at("consent"), at("now"), at("actor"), at("purpose"))
	if err != nil {
		return "", err
	}
	if id := at("resource"); id != "" {
		r, ok := p.resources[id]
		if !ok {
			return "", fmt.Errorf("there is no resource %q", id)
		}
		req.Resources = []Resource{r}
	}
	d, err := p.engine.Decide(ctx, req, records)
	if err == nil && at("expected") != d.Decision && at("expected") == d.ConsentDecision {
		return d.ConsentDecision, nil
	}
	return d.Decision, err
}

// token is what IHE's notes state of the access token: whether there is one, and its residual rules.
type token struct {
	Consent          string
	Requester        string
	RequestedPurpose string
	Outcome          string
	Residual         []ResidualRule
}

func (p *pcf) tokens(ctx context.Context, dir fs.FS, t *vectors.Tally) error {
	var tokens []token
	if _, err := fs.Stat(dir, "tokens.json"); err != nil {
		return nil //nolint:nilerr // a folder need not have it
	}
	if err := vectors.Load(dir, "tokens.json", &tokens); err != nil {
		return err
	}
	for i, k := range tokens {
		requesters := []string{k.Requester}
		if k.Requester == "any" {
			requesters = slices.Sorted(maps.Keys(p.actors))
		}
		want := k.Outcome
		if want == "token" {
			want = canonical(k.Residual)
		}
		got := want
		for _, who := range requesters {
			if s, err := p.token(ctx, k, who); err != nil {
				got = err.Error()
			} else if s != want {
				got = s
			}
		}
		id := fmt.Sprintf("tokens.json:%d: %s,%s,%s", i, k.Consent, k.Requester, k.RequestedPurpose)
		if err := t.Check(id, want, got); err != nil {
			return err
		}
	}
	return nil
}

func (p *pcf) token(ctx context.Context, k token, who string) (string, error) {
	req, records, err := p.request(k.Consent, p.now, who, k.RequestedPurpose)
	if err != nil {
		return "", err
	}
	d, err := p.engine.Decide(ctx, req, records)
	if err != nil {
		return "", err
	}
	if d.Decision != Permit {
		return "oauth-error", nil
	}
	return canonical(d.Residual), nil
}

// canonical writes residual rules as PCF states them, so that equal ones are equal texts: values sorted, neighbouring
// permits of labels of one system joined, our additions left out.
func canonical(rules []ResidualRule) string {
	var out []ResidualRule
	for _, r := range rules {
		r.Default, r.Consent, r.Rules = false, "", nil
		if last := len(out) - 1; last >= 0 && joins(out[last], r) {
			r.SecurityLabel = slices.Concat(out[last].SecurityLabel, r.SecurityLabel)
			out = out[:last]
		}
		r.SecurityLabel = slices.SortedFunc(slices.Values(r.SecurityLabel), func(a, b consent.Coding) int {
			return strings.Compare(plainKey(a), plainKey(b))
		})
		r.Data = slices.SortedFunc(slices.Values(r.Data), func(a, b ResidualData) int {
			return strings.Compare(a.Meaning+" "+a.Reference.Reference, b.Meaning+" "+b.Reference.Reference)
		})
		out = append(out, r)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
