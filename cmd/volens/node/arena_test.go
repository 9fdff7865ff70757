package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
)

// arena is a node in a process of its own, subjects whose messages the clients sign, and the history of a round.
type arena struct {
	t     *testing.T
	w     *nodetest.World
	url   string
	conf  string
	began time.Time

	mu      sync.Mutex
	child   *exec.Cmd
	era     int // which process it is
	rosa    *client.Client
	history []porcupine.Operation
	spared  atomic.Int64 // denials that are always legal: stale, revocation-pending, cut off, and faults on a starved machine

	subjects []*contested
}

// contested is a subject that many ask for. Its messages are signed one after the other, but for duels.
type contested struct {
	mu   sync.Mutex
	s    *consenttest.Subject
	me   *client.Client
	era  int // in which me was made
	name string
	live lives
}

const contestedSubjects = 12

func newArena(t *testing.T) *arena {
	w := nodetest.Start(t, nil)
	a := &arena{t: t, w: w, began: time.Now()}
	for i := range contestedSubjects {
		s, me := w.Enrol(fmt.Sprintf("record %d", i))
		a.subjects = append(a.subjects, &contested{s: s, me: me, name: w.Pseudonym(s, consenttest.RosaInstitute), live: lives{}, era: -1})
	}
	a.url = w.Node.URL()
	w.Close()
	b, err := json.Marshal(childConfig{w.Cfg.Paths, w.Cfg.Listen})
	if err != nil {
		t.Fatal(err)
	}
	a.conf = string(b)
	a.start()
	t.Cleanup(a.kill)
	return a
}

func (a *arena) now() int64 { return int64(time.Since(a.began)) }

// start starts the process and waits until it answers.
func (a *arena) start() {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+a.conf)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		a.t.Fatal(err)
	}
	h := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	anyone, err := client.New(a.url, client.Options{HTTP: h})
	if err != nil {
		a.t.Fatal(err)
	}
	for {
		if _, err := anyone.Ready(context.Background()); err == nil {
			break
		}
		if c.ProcessState != nil {
			a.t.Fatal("the node does not start")
		}
		time.Sleep(10 * time.Millisecond)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.child, a.rosa = c, anyone.Member(client.Credentials{
		Member: consenttest.RosaInstitute, Key: consenttest.Persona(string(consenttest.RosaInstitute)),
	})
	a.era++
}

func (a *arena) kill() {
	a.mu.Lock()
	c := a.child
	a.mu.Unlock()
	_ = c.Process.Kill()
	_ = c.Wait()
}

// later waits until another process than that of era serves, or for five seconds: then the old one lives, and what was on
// its way there has arrived.
func (a *arena) later(era int, why error) {
	for range 500 {
		if _, now := a.asker(); now != era {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	a.t.Logf("without a kill: %v", why)
}

func (a *arena) asker() (*client.Client, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rosa, a.era
}

func (a *arena) record(id int, in action, call int64, out result) {
	o := porcupine.Operation{ClientId: id, Input: in, Call: call, Output: out, Return: a.now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.history = append(a.history, o)
}

// access asks for one purpose. A denial because the gateway may not decide now is legal in every state; no answer is none.
func (a *arena) access(id, subject int) {
	p := rand.IntN(len(purposeCodes))
	rosa, era := a.asker()
	in, call := action{subject: subject, op: "access", purposes: 1 << p}, a.now()
	got, err := rosa.Access(context.Background(), api.AccessRequest{
		Subject: a.subjects[subject].name, Purpose: consent.Coding{Code: purposeCodes[p]},
	})
	switch {
	case consent.CodeOf(err) == api.Unauthenticated, errors.Is(err, syscall.ECONNREFUSED):
		a.later(era, err)
	case consent.CodeOf(err) == consent.Unknown, consent.CodeOf(err) == consent.Unavailable:
		a.spared.Add(1) // cut off by a revocation, or killed
	case err != nil:
		a.t.Errorf("access: %v", err)
	case got.Decision.Decision == policies.Deny && spared(got):
		a.spared.Add(1)
	default:
		a.record(id, in, call, result{got.Decision.Decision == policies.Permit, fmt.Sprint(got.Reasons)})
	}
}

func spared(got api.Access) bool {
	return slices.ContainsFunc(got.Reasons, func(r policies.Reason) bool {
		return slices.Contains([]string{"stale", "revocation-pending", "fault"}, r.Code)
	})
}

// change sends a message of the subject, which is locked, or two at once for the same place.
func (a *arena) change(id, subject int) {
	c := a.subjects[subject]
	first := a.plan(subject)
	second := first
	duel := rand.IntN(10) == 0
	if duel {
		second = a.plan(subject)
	}
	plans := []*plan{first}
	if duel {
		plans = append(plans, second)
	}
	var group sync.WaitGroup
	for k, p := range plans {
		group.Add(1)
		go func() {
			defer group.Done()
			call := a.now()
			p.landed = a.send(c, p.m)
			a.record(id+1000*k, p.in, call, result{ok: p.landed})
		}()
	}
	group.Wait()
	for _, p := range plans {
		if p.landed {
			c.s.Moved(p.m)
			c.live.apply(p.in)
		}
	}
	if duel && first.landed && second.landed {
		a.t.Error("two messages for one place are on the ledger")
	}
}

type plan struct {
	in     action
	m      consent.Message
	landed bool
}

// plan signs what may come next.
func (a *arena) plan(subject int) *plan {
	c := a.subjects[subject]
	in := action{subject: subject, seq: c.s.Seq + 1, purposes: 1 + rand.IntN(7)}
	seqs := make([]consent.Uint64, 0, len(c.live))
	for seq := range c.live {
		seqs = append(seqs, seq)
	}
	in.op = "grant"
	if len(seqs) > 0 {
		in.ends = seqs[rand.IntN(len(seqs))]
		in.op = []string{"grant", "narrow", "revoke", "revoke", "all"}[rand.IntN(5)]
	}
	if len(seqs) >= 3 && in.op == "grant" {
		in.op = "all"
	}
	l := c.s.Link()
	// A duel signs twice for one place, and the world's stream is not for several goroutines.
	a.mu.Lock()
	defer a.mu.Unlock()
	switch in.op {
	case "grant":
		return &plan{in: in, m: c.s.Grant(permitting(in.purposes))}
	case "narrow":
		g := &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Replaces: in.ends, Consent: permitting(in.purposes), Salt: a.w.Rand.Hash()}
		return &plan{in: in, m: c.s.Sign(g)}
	case "revoke":
		return &plan{in: in, m: c.s.Revoke(in.ends)}
	}
	return &plan{in: in, m: c.s.RevokeAll()}
}

func permitting(purposes int) consent.Consent {
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	var codes []string
	for i, code := range purposeCodes {
		if purposes&(1<<i) != 0 {
			codes = append(codes, code)
		}
	}
	c.Provisions[0].Purposes = consenttest.Purposes(codes...)
	return c
}

// send submits a message and says whether it is on the ledger. When the node was killed meanwhile, the next one says.
func (a *arena) send(c *contested, m consent.Message) bool {
	for {
		me, era := a.session(c)
		_, err := me.Submit(context.Background(), m)
		switch code := consent.CodeOf(err); {
		case err == nil:
			return true
		case code == consent.Conflict, code == consent.WrongState, code == consent.NotFound:
			return false
		case code == api.Unauthenticated, errors.Is(err, syscall.ECONNREFUSED):
			a.later(era, err)
		case code == consent.Unavailable: // nothing was written
			time.Sleep(10 * time.Millisecond)
		case code == consent.Unknown:
			a.later(era, err)
			return a.landed(m)
		default:
			a.t.Errorf("submit: %v", err)
			return false
		}
	}
}

// landed asks a node that was started since.
func (a *arena) landed(m consent.Message) bool {
	for {
		rosa, era := a.asker()
		_, err := rosa.Receipt(context.Background(), consent.Commitment(m.Body))
		switch consent.CodeOf(err) {
		case "":
			return true
		case consent.NotFound:
			return false
		}
		a.later(era, err)
	}
}

// session signs the subject in once in every process.
func (a *arena) session(c *contested) (*client.Client, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c.era != a.era {
		era := a.era
		a.mu.Unlock()
		me, err := a.signIn(c)
		if err != nil {
			a.later(era, err)
		}
		a.mu.Lock()
		if err != nil {
			continue
		}
		c.me, c.era = me, era
	}
	return c.me, c.era
}

func (a *arena) signIn(c *contested) (*client.Client, error) {
	anyone, err := client.New(a.url, client.Options{HTTP: &http.Client{Timeout: time.Minute}})
	if err != nil {
		return nil, err
	}
	return nodetest.SignIn(context.Background(), anyone, c.s)
}
