// Package nodetest starts real nodes for tests: the members and personas of consenttest, on loopback, over a temporary
// folder.
package nodetest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric"
)

// World is a running node with its members.
type World struct {
	*consenttest.World
	T     testing.TB
	Cfg   node.Config
	Node  *node.Node
	Store Store

	genesis consent.Message
}

// Store keeps records by local id, in memory.
type Store map[string][]json.RawMessage

// Resources implements gateway.Store.
func (s Store) Resources(_ context.Context, localID string) ([]json.RawMessage, error) {
	return s[localID], nil
}

// Start makes and starts a node whose members are those of consenttest. change may alter its configuration.
func Start(t testing.TB, change func(*node.Config)) *World {
	t.Helper()
	w, genesis := consenttest.NewWorld(t.Name())
	w.Now = consent.Millis(time.Now().UnixMilli())
	s := &World{World: w, T: t, Store: Store{}}
	s.Cfg = node.Config{Paths: node.Under(t.TempDir()), Listen: "127.0.0.1:0", Store: s.Store, SignIns: 10_000, FreeReserve: -1, Evaluation: 10 * time.Second}
	if change != nil {
		change(&s.Cfg)
	}
	ctx := context.Background()
	key := consenttest.Persona(string(consenttest.CityHospital))
	begin := node.Init
	if s.Cfg.Fabric != nil {
		begin = node.InitFabric
	}
	if err := begin(ctx, s.Cfg.Paths, genesis, consenttest.CityHospital, key); err != nil {
		t.Fatal(err)
	}
	s.genesis = genesis
	s.Open()
	for _, m := range w.Members() {
		v, err := consent.Verify(w.Ledger, m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Node.Ledger.Submit(ctx, v)
		if err == nil {
			err = s.Node.Replica.Wait(ctx, r.Position)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Close)
	return s
}

// Beside makes and starts another organisation's node on the channel that w's ledger is on: it is nobody's custodian.
func (w *World) Beside(profile fabric.Profile) *World {
	w.T.Helper()
	o := &World{World: w.World, T: w.T, Cfg: w.Cfg, Store: Store{}, genesis: w.genesis}
	o.Cfg.Paths, o.Cfg.Listen, o.Cfg.Fabric, o.Cfg.Store = node.Under(w.T.TempDir()), "127.0.0.1:0", &profile, nil
	if err := node.InitFabric(context.Background(), o.Cfg.Paths, w.genesis, "", sig.Key{}); err != nil {
		w.T.Fatal(err)
	}
	o.Open()
	w.T.Cleanup(o.Close)
	return o
}

// Open starts the node again.
func (w *World) Open() {
	w.T.Helper()
	n, err := node.Start(context.Background(), w.Cfg)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Node = n
	w.Cfg.Listen = strings.TrimPrefix(n.URL(), "http://") // the same port after a restart
}

// Close stops the node.
func (w *World) Close() {
	w.T.Helper()
	if w.Node == nil {
		return
	}
	if err := w.Node.Close(context.Background()); err != nil {
		w.T.Fatal(err)
	}
	w.Node = nil
}

// Client is an anonymous client.
func (w *World) Client() *client.Client {
	w.T.Helper()
	c, err := client.New(w.Node.URL(), client.Options{})
	if err != nil {
		w.T.Fatal(err)
	}
	return c
}

// Member is the client of a member's system.
func (w *World) Member(id consent.MemberID) *client.Client {
	w.T.Helper()
	return w.Client().Member(client.Credentials{Member: id, Key: consenttest.Persona(string(id))})
}

// Enrol opens a subject for a local record and claims it with a fresh key.
func (w *World) Enrol(localID string) (*consenttest.Subject, *client.Client) {
	w.T.Helper()
	ctx := context.Background()
	e, err := w.Member(consenttest.CityHospital).Enrol(ctx, api.Enrolment{LocalID: localID})
	if err != nil {
		w.T.Fatal(err)
	}
	key, err := sig.GenerateKey(w.Rand)
	if err != nil {
		w.T.Fatal(err)
	}
	s := w.Adopt(consenttest.Subject{
		Handle: e.Handle, Key: key, KeySalt: w.Rand.Hash(), Code: e.Code, Slot: e.Slot, Seq: e.Seq, Prev: e.Prev,
	})
	claim := s.Claim()
	if _, err := w.Client().Claim(ctx, claim); err != nil {
		w.T.Fatal(err)
	}
	s.Moved(claim)
	return s, w.SignIn(s)
}

// Crowd puts so many new subjects on the ledger, each with so many consents, and returns their messages: each subject's in
// their order. Subjects do not wait for each other.
func (w *World) Crowd(subjects, each int) (all []consent.Message) {
	w.T.Helper()
	var group errgroup.Group
	for range subjects {
		s, open := w.World.Open()
		claim := s.Claim()
		chain := []consent.Message{open, claim}
		s.Moved(claim)
		for range each {
			m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
			s.Moved(m)
			chain = append(chain, m)
		}
		all = append(all, chain...)
		group.Go(func() error { return w.submit(chain) })
	}
	if err := group.Wait(); err != nil {
		w.T.Fatal(err)
	}
	return all
}

func (w *World) submit(chain []consent.Message) error {
	for _, m := range chain {
		v, err := consent.Verify(w.Ledger, m)
		if err != nil {
			return err
		}
		if _, err := w.Node.Ledger.Submit(context.Background(), v); err != nil {
			return err
		}
	}
	return nil
}

// SignIn signs a subject in.
func (w *World) SignIn(s *consenttest.Subject) *client.Client {
	w.T.Helper()
	c, err := SignIn(context.Background(), w.Client(), s)
	if err != nil {
		w.T.Fatal(err)
	}
	return c
}

// SignIn signs a subject in at the gateway of c.
func SignIn(ctx context.Context, c *client.Client, s *consenttest.Subject) (*client.Client, error) {
	ch, err := c.Challenge(ctx)
	if err != nil {
		return nil, err
	}
	m, err := client.Message(ch, s.Key.Address())
	if err != nil {
		return nil, err
	}
	text, err := m.Format()
	if err != nil {
		return nil, err
	}
	signature, err := s.Key.Sign(sig.PersonalHash(text))
	if err != nil {
		return nil, err
	}
	session, err := c.SignIn(ctx, api.SignIn{Message: text, Signature: signature.String(), Handle: &s.Handle, KeySalt: &s.KeySalt})
	if err != nil {
		return nil, err
	}
	return c.As(client.Bearer(session.AccessToken)), nil
}

// Pseudonym is the name under which a member knows a subject.
func (w *World) Pseudonym(s *consenttest.Subject, m consent.MemberID) string {
	w.T.Helper()
	p, err := w.Member(consenttest.CityHospital).Pseudonym(context.Background(), api.PseudonymQuery{
		SubjectQuery: api.SubjectQuery{Handle: &s.Handle}, Member: m,
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}
