package policies

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Config sets an Engine up. The zero value works: deny-overrides, implicit deny, 16,384 answers remembered, 50 ms.
type Config struct {
	Algorithm   Algorithm
	Implicit    Implicit
	MemoEntries int              // answers remembered; negative: none
	Timeout     time.Duration    // of one evaluation; then it denies
	Now         func() time.Time // measures that; nil is time.Now
}

func (c *Config) check() error {
	if c.Algorithm == "" {
		c.Algorithm = DenyOverrides
	}
	if c.Implicit == "" {
		c.Implicit = ImplicitDeny
	}
	if c.MemoEntries == 0 {
		c.MemoEntries = 16384
	}
	if c.Timeout == 0 {
		c.Timeout = 50 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place where the clock comes in
	}
	switch c.Algorithm {
	case DenyOverrides, MostRecent:
	default:
		return fmt.Errorf("there is no combining algorithm %q", c.Algorithm)
	}
	switch c.Implicit {
	case ImplicitDeny, ImplicitBasicNormal, ImplicitAllNormal, ImplicitBreakGlassOnly:
	default:
		return fmt.Errorf("there is no implicit policy %q", c.Implicit)
	}
	return nil
}

// builtins are all that the Rego may call: no network, no clock, no chance, no environment.
var builtins = map[string]bool{
	"and": true, "array.concat": true, "array.reverse": true, "array.slice": true, "assign": true, "count": true, "eq": true,
	"equal": true, "gt": true, "gte": true, "internal.member_2": true, "internal.member_3": true, "is_number": true,
	"lt": true, "lte": true, "max": true, "min": true, "minus": true, "neq": true, "object.get": true,
	"object.keys": true, "or": true,
}

// Engine decides. It is safe for concurrent use.
type Engine struct {
	cfg           Config
	src           *sources
	tables        *tables
	policy, codes [32]byte
	names         [2]string // of policy and codes, in hex
	seed          []byte    // of every memo key: what decides, beside the question
	query         rego.PreparedEvalQuery
	shapes        pool
	answers       *memo[*verdict]
	whole         bool // consents are asked about whole, for tests
}

// New loads the embedded policies and code systems.
func New(cfg Config) (*Engine, error) {
	s, err := embeddedSources()
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	return open(s, cfg)
}

func open(s *sources, cfg Config) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	e := &Engine{cfg: cfg, src: s, answers: newMemo[*verdict](cfg.MemoEntries)}
	var data struct {
		Codes *tables `json:"codes"`
	}
	if err := json.Unmarshal(s.Data, &data); err != nil || data.Codes == nil {
		return nil, fmt.Errorf("load code systems: %w", errors.Join(err, errors.New("read data document")))
	}
	e.tables = data.Codes
	e.policy, e.codes = s.digests()
	e.names = [2]string{hex.EncodeToString(e.policy[:]), hex.EncodeToString(e.codes[:])}
	w := writer(append(append([]byte{}, e.policy[:]...), e.codes[:]...))
	w.text(string(cfg.Algorithm))
	w.text(string(cfg.Implicit))
	e.seed = w
	return e, e.prepare()
}

// prepare compiles the query once. Decisions then share it.
func (e *Engine) prepare() error {
	d := json.NewDecoder(bytes.NewReader(e.src.Data))
	d.UseNumber()
	var data map[string]any
	if err := d.Decode(&data); err != nil {
		return fmt.Errorf("load code systems: %w", err)
	}
	options := []func(*rego.Rego){
		rego.Query("answer := data.volens.decision.answer"),
		rego.Store(inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))),
		rego.Capabilities(capabilities()), rego.Strict(true), rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil }),
	}
	for name, text := range e.src.Rego {
		options = append(options, rego.Module(name, text))
	}
	var err error
	if e.query, err = rego.New(options...).PrepareForEval(context.Background()); err != nil {
		return fmt.Errorf("compile policies: %w", err)
	}
	return nil
}

// capabilities are those of this OPA less all builtins but a few.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	var some []*ast.Builtin
	for _, b := range c.Builtins {
		if builtins[b.Name] {
			some = append(some, b)
		}
	}
	c.Builtins, c.AllowNet = some, []string{}
	return c
}

// Digests name the Rego and the code systems of this engine.
func (e *Engine) Digests() (policy, codes [32]byte) { return e.policy, e.codes }

// Decide answers a request from all consents of the subject. It leaves out itself those that cannot matter. It never
// permits on an error: the Decision then denies and says so, and the error says more, for the log.
func (e *Engine) Decide(ctx context.Context, req Request, records []Record) (Decision, error) {
	return e.decide(ctx, e.ask(req, records, Rest{}, false), req, records)
}

// DecideSeen is Decide from the consents that the request's lens sees, all of them, and what matters of the rest.
func (e *Engine) DecideSeen(ctx context.Context, req Request, records []Record, rest Rest) (Decision, error) {
	return e.decide(ctx, e.ask(req, records, rest, false), req, records)
}

func (e *Engine) decide(ctx context.Context, q *question, req Request, records []Record) (Decision, error) {
	digest := q.digest(e.seed)
	v, known := e.answers.get(digest)
	if !known {
		var err error
		if v, err = e.evaluate(ctx, q); err != nil {
			d := e.stamp(faulty(), q, digest)
			return d, fmt.Errorf("decide: %w", err)
		}
		e.answers.put(digest, v)
	}
	d := e.stamp(v.tell(q, req, records), q, digest)
	d.Memo = known
	return d, nil
}

// stamp adds what every decision names.
func (e *Engine) stamp(d Decision, q *question, digest [32]byte) Decision {
	d.Algorithm, d.Implicit = e.cfg.Algorithm, e.cfg.Implicit
	d.PolicyDigest, d.CodesDigest = e.names[0], e.names[1]
	d.InputDigest = hex.EncodeToString(digest[:])
	d.NextBoundary = millis(q.next)
	return d
}

// errUndefined is what a request that the policies have no answer for comes to.
var errUndefined = errors.New("the policies gave no answer")

// errSlow is an evaluation that ran out of time. The timer that stops OPA may come late on a busy machine; the clock is asked
// as well, so that too slow is denied even if OPA came to an end.
var errSlow = errors.New("evaluate policies: the time limit has passed")

// evaluate asks OPA.
func (e *Engine) evaluate(ctx context.Context, q *question) (v *verdict, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, fmt.Errorf("evaluate policies: panic: %v", p)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began, input := e.cfg.Now(), e.input(q)
	cancel := topdown.NewCancel()
	defer time.AfterFunc(e.cfg.Timeout, cancel.Cancel).Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	rs, err := e.query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalExternalCancel(cancel), rego.EvalMetrics(metrics.NoOp()))
	if err != nil {
		return nil, fmt.Errorf("evaluate policies: %w", err)
	}
	if e.cfg.Now().Sub(began) > e.cfg.Timeout {
		return nil, errSlow
	}
	if len(rs) != 1 {
		return nil, errUndefined
	}
	answer, ok := rs[0].Bindings["answer"].(*ast.Term)
	if !ok {
		return nil, errUndefined
	}
	return read(answer, q, e.cfg.Algorithm, e.tables)
}

// input is what OPA reads.
func (e *Engine) input(q *question) ast.Value {
	return q.term(e.cfg, slices.Concat(e.tables.Up[q.purpose], []string{q.purpose}))
}
