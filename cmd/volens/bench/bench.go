package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
)

// Options of a run.
type Options struct {
	Dir      string // where ledgers are made; removed by the caller
	URL      string // of a running node whose folders are under Dir; "": run one here
	Shape    Shape
	Clients  int
	For      time.Duration
	Profile  string // a CPU profile of each measured part goes to this file, with the part's name after it; "": none
	Progress func(what string, done, total int64)
}

// profile starts the profile of a measured part, for its end to stop.
func (o Options) profile(part string) (stop func() error, err error) {
	if o.Profile == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(o.Profile + "." + part) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// measure drives a measured part.
func (o Options) measure(ctx context.Context, part, host string, d time.Duration, next func(client, n int) request, check func(client int, body []byte) error) (Result, error) {
	stop, err := o.profile(part)
	if err != nil {
		return Result{}, err
	}
	r, err := drive(ctx, host, o.Clients, d, next, check)
	return r, errors.Join(err, stop())
}

// server is a node under test: its own, or one that runs elsewhere over folders that can be read here.
type server struct {
	n    *node.Node
	url  string
	host string
	p    node.Paths

	ledger consent.Hash // set by enrol
}

func (o Options) start(ctx context.Context) (*server, error) {
	p := node.Under(o.Dir)
	s := &server{url: o.URL, p: p}
	if s.url == "" {
		// A machine that is busy with other things shows in the latencies, not in denials: the limit of an evaluation is generous.
		n, err := node.Start(ctx, node.Config{Paths: p, Listen: "127.0.0.1:0", SignIns: 1 << 20, Evaluation: time.Second, Progress: o.Progress})
		if err != nil {
			return nil, err
		}
		s.n, s.url = n, n.URL()
	}
	s.host = strings.TrimPrefix(s.url, "http://")
	return s, nil
}

func (s *server) close(ctx context.Context) error {
	if s.n == nil {
		return nil
	}
	return s.n.Close(ctx)
}

func (s *server) token(ctx context.Context, m consent.MemberID) (string, error) {
	c, err := client.New(s.url, client.Options{})
	if err != nil {
		return "", err
	}
	t, err := c.Token(ctx, client.Credentials{Member: m, Key: consenttest.Persona(string(m))})
	return t.AccessToken, err
}

// Decisions measures decisions over HTTP, each with its use durable before the answer, for random subjects, after as many
// unmeasured ones as bring every subject into memory.
func Decisions(ctx context.Context, name string, o Options) (Result, error) {
	s, err := o.start(ctx)
	if err != nil {
		return Result{}, err
	}
	r, err := s.decisions(ctx, o)
	r.Name, r.Subjects, r.Consents = name, o.Shape.Subjects, o.Shape.Subjects*o.Shape.Consents
	if s.n != nil {
		made, remembered := s.n.Gateway.Evaluations()
		r.Note = fmt.Sprintf("memo hits %.1f %%", 100*float64(remembered)/float64(max(made+remembered, 1)))
	}
	return r, errors.Join(err, s.close(ctx))
}

func (s *server) decisions(ctx context.Context, o Options) (Result, error) {
	a, err := s.asker(ctx, o.Shape)
	if err != nil {
		return Result{}, err
	}
	clients := a.inquirers(o.Clients, 7)
	next := func(i, _ int) request { return clients[i].next() }
	check := func(i int, body []byte) error { return clients[i].check(body) }
	if s.n != nil {
		if err := s.n.Replica.Warm(o.Shape.Subjects, handleOf); err != nil {
			return Result{}, err
		}
		runtime.GC()
	}
	if _, err := drive(ctx, s.host, o.Clients, o.For/4, next, check); err != nil {
		return Result{}, fmt.Errorf("warm up: %w", err)
	}
	return o.measure(ctx, "decisions", s.host, o.For, next, check)
}

// patient is a subject with a real key, for signed messages.
type patient struct {
	handle consent.SubjectID
	key    sig.Key
	salt   consent.Hash
	seq    consent.Uint64
	prev   consent.Hash
}

// grants are signed messages, made before the clock starts.
func (p *patient) grants(ledger consent.Hash, n int, c consent.Consent) ([]consent.Message, error) {
	var ms []consent.Message
	for range n {
		b := &consent.ConsentGrant{Handle: p.handle, Seq: p.seq + 1, Prev: p.prev, Consent: c, Salt: random()}
		m := consent.Message{Body: b, Openings: consent.Openings{KeySalt: &p.salt}}
		if err := m.Sign(ledger, p.key); err != nil {
			return nil, err
		}
		p.seq, p.prev = p.seq+1, consent.Commitment(b)
		ms = append(ms, m)
	}
	return ms, nil
}

// enrol opens and claims subjects, as their custodian's system would. Their slots begin at the ledger's position, where no
// subject before them is, whether Make opened it or an earlier run.
func (s *server) enrol(ctx context.Context, n int) ([]*patient, error) {
	token, err := s.token(ctx, custodian)
	if err != nil {
		return nil, err
	}
	c, err := client.New(s.url, client.Options{Token: client.Bearer(token)})
	if err != nil {
		return nil, err
	}
	info, err := c.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	s.ledger = info.ID
	firstSlot := int(info.Position) //nolint:gosec // far below 2^63
	out, errs := make([]*patient, n), make([]error, n)
	var wg sync.WaitGroup
	limit := make(chan struct{}, 64)
	for i := range n {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			out[i], errs[i] = s.enrolOne(ctx, c, firstSlot+i)
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

func (s *server) enrolOne(ctx context.Context, c *client.Client, slot int) (*patient, error) {
	h := random()
	p := &patient{handle: consent.SubjectID(h[:16]), salt: random()}
	var err error
	if p.key, err = sig.ParseKey(h[:]); err != nil {
		return nil, err
	}
	code := random()
	open := consent.Message{Body: &consent.SubjectOpen{
		Handle: p.handle, Custodian: custodian, Slot: consent.Uint64(slot), CodeCommit: consent.CodeCommitment(code), Salt: random(), //nolint:gosec // not negative
	}}
	claim := consent.Message{
		Body: &consent.SubjectClaim{
			Handle: p.handle, Seq: 2, Prev: consent.Commitment(open.Body), KeyCommit: consent.KeyCommitment(p.salt, p.key.Address()), Salt: random(),
		},
		Openings: consent.Openings{Code: &code, NewKeySalt: &p.salt},
	}
	if err := errors.Join(open.Sign(s.ledger, consenttest.Persona(string(custodian))), claim.Sign(s.ledger, p.key)); err != nil {
		return nil, err
	}
	for _, m := range []consent.Message{open, claim} {
		if _, err := c.Submit(ctx, m); err != nil {
			return nil, err
		}
	}
	p.seq, p.prev = 2, consent.Commitment(claim.Body)
	return p, nil
}

// consentsEach is how many consents one patient of the load gives.
const consentsEach = 16

// signed are the messages of each client: of its patients in turn, n in all.
func (s *server) signed(ps []*patient, clients, n int) ([][]consent.Message, error) {
	out := make([][]consent.Message, clients)
	for i, p := range ps {
		c := i % clients
		ms, err := p.grants(s.ledger, min(consentsEach, n-len(out[c])), form(i%200, 1, false))
		if err != nil {
			return nil, err
		}
		out[c] = append(out[c], ms...)
	}
	return out, nil
}

// Consents measures signed consents: over HTTP with receipt, and, unless the node is another process, in process. The load
// signs them before the clock starts: in life, each is signed by a wallet of its own. The node has a ledger that Make made.
func Consents(ctx context.Context, o Options) ([]Result, error) {
	s, err := o.start(ctx)
	if err != nil {
		return nil, err
	}
	perClient := max(int(o.For.Seconds()*150), 20)
	each := (perClient + consentsEach - 1) / consentsEach // patients of each client
	ps, err := s.enrol(ctx, 2*o.Clients*each)
	var rs []Result
	if err == nil {
		rs = []Result{{}}
		rs[0], err = s.consentsHTTP(ctx, o, ps[:o.Clients*each], perClient)
	}
	if err == nil && s.n != nil {
		rs = append(rs, Result{})
		rs[1], err = s.consentsInProcess(ctx, o, ps[o.Clients*each:], perClient)
	}
	return rs, errors.Join(err, s.close(ctx))
}

func (s *server) consentsHTTP(ctx context.Context, o Options, ps []*patient, n int) (Result, error) {
	token, err := s.token(ctx, custodian)
	if err != nil {
		return Result{}, err
	}
	messages, err := s.signed(ps, o.Clients, n)
	if err != nil {
		return Result{}, err
	}
	queues := make([][]request, o.Clients)
	for i, ms := range messages {
		for _, m := range ms {
			b, err := json.Marshal(m)
			if err != nil {
				return Result{}, err
			}
			queues[i] = append(queues[i], render(s.host, api.PathMessages, token, b))
		}
	}
	r, err := o.measure(ctx, "http", s.host, time.Minute, func(i, k int) request {
		if k >= len(queues[i]) {
			return nil
		}
		return queues[i][k]
	}, hasReceipt)
	r.Name, r.Subjects, r.Consents = "consents over HTTP", len(ps), o.Clients*n
	return r, err
}

func (s *server) consentsInProcess(ctx context.Context, o Options, ps []*patient, n int) (Result, error) {
	queues, err := s.signed(ps, o.Clients, n)
	if err != nil {
		return Result{}, err
	}
	var mu sync.Mutex
	var all []uint32
	var errs []error
	var wg sync.WaitGroup
	stop, err := o.profile("inprocess")
	if err != nil {
		return Result{}, err
	}
	cpu, begin := cpuTime(), time.Now()
	for _, q := range queues {
		wg.Go(func() {
			us := make([]uint32, 0, len(q))
			var err error
			for _, m := range q {
				t := time.Now()
				var v consent.Verified
				if v, err = consent.Verify(s.ledger, m); err != nil {
					break
				}
				if _, err = s.n.Ledger.Submit(ctx, v); err != nil {
					break
				}
				us = append(us, uint32(time.Since(t).Microseconds())) //nolint:gosec // seconds at most
			}
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, us...), append(errs, err)
		})
	}
	wg.Wait()
	r := summary(all, time.Since(begin))
	r.Name, r.Clients, r.Subjects, r.Consents = "consents in process", o.Clients, len(ps), o.Clients*n
	r.CPU, r.RSS = (cpuTime() - cpu).Seconds(), rss()
	return r, errors.Join(append(errs, stop())...)
}
