// Package trial puts a node through what disks and kernels do to it. A writer works at a real node over HTTP and prints a
// line for each thing that was acknowledged; whatever then happens to the process and its disk, a checker starts the node
// again and finds every one of them, with everything else that must hold. The commands are hidden: volens debug writer and
// volens debug check.
package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric"
)

// Config of a writer. Dir is needed, an empty or absent folder.
type Config struct {
	Dir     string
	Fabric  *fabric.Profile // of the organisation of city-hospital, for an empty ledger on a channel; nil: the embedded ledger
	Ops     int64           // operations after which the writer ends; 0 means 1000
	Clients int             // at a time; 0 means 16
	Segment int64           // bytes of a journal's segment; small ones are sealed often
	Erase   bool            // let some subjects be erased
}

const (
	hospital  consent.MemberID = "city-hospital"
	institute consent.MemberID = "trial-institute"
)

// writer is a world of two members and as many patients as there are clients.
type writer struct {
	cfg       Config
	node      *node.Node
	ledger    consent.Hash
	authority sig.Key
	keys      map[consent.MemberID]sig.Key
	clients   map[consent.MemberID]*client.Client // with a token of its own each

	mu   sync.Mutex
	out  io.Writer
	left int64
}

// Write makes a node in cfg.Dir and works at it. Each acknowledged operation is a line that begins with ACK, each one that
// was not a line that begins with NACK. It returns an error when the node cannot go on.
func Write(ctx context.Context, cfg Config, out io.Writer) (err error) {
	if cfg.Ops == 0 {
		cfg.Ops = 1000
	}
	if cfg.Clients == 0 {
		cfg.Clients = 16
	}
	w := &writer{cfg: cfg, out: out, left: cfg.Ops, keys: map[consent.MemberID]sig.Key{}, clients: map[consent.MemberID]*client.Client{}}
	if w.authority, err = sig.GenerateKey(rand.Reader); err != nil {
		return err
	}
	for _, id := range []consent.MemberID{hospital, institute} {
		if w.keys[id], err = sig.GenerateKey(rand.Reader); err != nil {
			return err
		}
	}
	if err := w.open(ctx); err != nil {
		return w.refused("init", err)
	}
	defer func() { err = errors.Join(err, w.node.Close(context.WithoutCancel(ctx))) }()
	if err := w.admit(ctx); err != nil {
		return w.refused("admit", err)
	}
	return w.work(ctx)
}

func (w *writer) open(ctx context.Context) (err error) {
	g := &consent.Init{
		Name: "trial", Threshold: 1, Salt: salt(), Authorities: []consent.Authority{{Name: "Trial", Address: w.authority.Address()}},
	}
	w.ledger = consent.LedgerID(g)
	paths := node.Under(w.cfg.Dir)
	begin := node.Init
	if w.cfg.Fabric != nil {
		begin = node.InitFabric
	}
	if err := begin(ctx, paths, w.sign(g, consent.Openings{}, w.authority), hospital, w.keys[hospital]); err != nil {
		return err
	}
	w.acked("init %s", w.ledger)
	w.node, err = node.Start(ctx, node.Config{
		Paths: paths, Listen: "127.0.0.1:0", Fabric: w.cfg.Fabric, SignIns: 1 << 20, FreeReserve: -1, Segment: w.cfg.Segment,
	})
	return err
}

func (w *writer) sign(b consent.Body, o consent.Openings, k sig.Key) consent.Message {
	m := consent.Message{Body: b, Openings: o}
	if err := m.Sign(w.ledger, k); err != nil {
		panic(err) // a valid key signs
	}
	return m
}

func (w *writer) admit(ctx context.Context) error {
	for id, k := range w.keys {
		role := consent.Custodian
		if id == institute {
			role = consent.Researcher
		}
		m := w.sign(&consent.MemberAdmit{
			Member: id, Name: string(id), Roles: []consent.Role{role}, Keys: []consent.Address{k.Address()}, Salt: salt(),
		}, consent.Openings{}, w.authority)
		v, err := consent.Verify(w.ledger, m)
		if err != nil {
			return err
		}
		r, err := w.node.Ledger.Submit(ctx, v)
		if err != nil {
			return err
		}
		if err := w.node.Replica.Wait(ctx, r.Position); err != nil {
			return err
		}
		w.acked("message %s", v.Commitment())
		c, err := w.client()
		if err != nil {
			return err
		}
		w.clients[id] = c.Member(client.Credentials{Member: id, Key: k})
	}
	return nil
}

// work runs the clients until the operations are used up or the node cannot go on.
func (w *writer) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broken := make(chan error, 1)
	go func() { broken <- w.node.Wait(ctx) }()
	var clients sync.WaitGroup
	errs := make([]error, w.cfg.Clients)
	for i := range w.cfg.Clients {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for errs[i] == nil && w.more() {
				errs[i] = w.patient(ctx)
			}
		}()
	}
	clients.Wait()
	cancel()
	if err := <-broken; err != nil {
		return w.refused("node", err)
	}
	return errors.Join(errs...)
}

// more takes one of the operations that are left.
func (w *writer) more() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left--
	return w.left >= 0
}

// acked prints that something was acknowledged. The line is out, or in the pipe, when it returns.
func (w *writer) acked(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.out, "ACK "+format+"\n", args...) //nolint:errcheck // who reads it sees what is missing
}

// refused prints that something was not acknowledged, and returns why.
func (w *writer) refused(what string, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.out, "NACK %s %s\n", what, consent.CodeOf(err)) //nolint:errcheck // as above
	return fmt.Errorf("%s: %w", what, err)
}

func salt() (h consent.Hash) {
	_, _ = rand.Read(h[:]) //nolint:errcheck // never fails (crypto/rand)
	return h
}

func (w *writer) client() (*client.Client, error) { return client.New(w.node.URL(), client.Options{}) }

// signIn signs a patient in.
func signIn(ctx context.Context, c *client.Client, h consent.SubjectID, k sig.Key, keySalt consent.Hash) (*client.Client, error) {
	ch, err := c.Challenge(ctx)
	if err != nil {
		return nil, err
	}
	m, err := client.Message(ch, k.Address())
	if err != nil {
		return nil, err
	}
	text, err := m.Format()
	if err != nil {
		return nil, err
	}
	s, err := k.Sign(sig.PersonalHash(text))
	if err != nil {
		return nil, err
	}
	session, err := c.SignIn(ctx, api.SignIn{Message: text, Signature: s.String(), Handle: &h, KeySalt: &keySalt})
	if err != nil {
		return nil, err
	}
	return c.As(client.Bearer(session.AccessToken)), nil
}
