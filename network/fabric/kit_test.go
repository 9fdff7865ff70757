package fabric_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// The organisations of the tests.
const (
	hospital  = "Hospital"
	trust     = "Trust"
	regulator = "Regulator"
)

func organizations(own string) fabric.Organizations {
	return fabric.Organizations{
		Own: own, Trust: trust, Regulator: regulator,
		Custodians: map[consent.MemberID]string{consenttest.CityHospital: hospital},
	}
}

// gate is a ledger of one organisation in a temporary folder.
type gate struct {
	cfg   fabric.Config
	dial  func(t testing.TB) fabric.Channel
	vault vault.Config
	v     *vault.Vault
	l     *fabric.Ledger
}

func newGate(t testing.TB, genesis consent.Message, o fabric.Organizations, dial func(t testing.TB) fabric.Channel) *gate {
	t.Helper()
	g, ok := genesis.Body.(*consent.Init)
	if !ok {
		t.Fatal("not a genesis")
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &gate{dial: dial, vault: vault.Config{Dir: filepath.Join(dir, "vault"), EpochKeyPath: filepath.Join(dir, "epoch")}}
	if err := vault.Init(context.Background(), h.vault); err != nil {
		t.Fatal(err)
	}
	h.cfg = fabric.Config{
		Organizations: o, Genesis: genesis, Beat: 100 * time.Millisecond,
		Copy: embedded.Config{
			Dir: filepath.Join(dir, "ledger"), AnchorPath: filepath.Join(dir, "anchor"), Ledger: consent.LedgerID(g),
			Signer: signer, Verifier: verifier,
		},
	}
	if err := embedded.InitCopy(h.cfg.Copy); err != nil {
		t.Fatal(err)
	}
	return h
}

// start opens the gate and closes it at the end of the test.
func (h *gate) start(t testing.TB) *gate {
	t.Helper()
	h.open(t)
	t.Cleanup(func() { h.close(t) })
	return h
}

func (h *gate) open(t testing.TB) {
	t.Helper()
	v, err := vault.Open(context.Background(), h.vault)
	if err != nil {
		t.Fatal(err)
	}
	h.v, h.cfg.Copy.Vault, h.cfg.Channel = v, v, h.dial(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if h.l, err = fabric.Open(ctx, h.cfg); err != nil {
		t.Fatal(err)
	}
}

// tryOpen opens the gate where that should fail.
func (h *gate) tryOpen(ctx context.Context, t testing.TB) error {
	t.Helper()
	v, err := vault.Open(context.Background(), h.vault)
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Copy.Vault, h.cfg.Channel = v, h.dial(t)
	l, err := fabric.Open(ctx, h.cfg)
	if err == nil {
		err = l.Close()
	}
	return errors.Join(err, v.Close())
}

func (h *gate) close(t testing.TB) {
	t.Helper()
	if err := h.l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.v.Close(); err != nil {
		t.Fatal(err)
	}
}

// Ledger implements networktest.Host.
func (h *gate) Ledger() network.Ledger { return h.l }

// Restart implements networktest.Host.
func (h *gate) Restart(t *testing.T) network.Ledger {
	h.close(t)
	h.open(t)
	return h.l
}

// Check implements networktest.Host.
func (h *gate) Check(t *testing.T, r network.Receipt) {
	t.Helper()
	cp, err := journal.OpenCheckpoint(r.Checkpoint, embedded.Origin(h.cfg.Copy.Ledger), h.cfg.Copy.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.CheckReceipt(r, cp); err != nil {
		t.Fatal(err)
	}
	bad := r
	bad.Position++
	if _, err := embedded.CheckReceipt(bad, cp); err == nil {
		t.Fatal("a receipt for another position checks")
	}
}

// fakeGate is a gate on a fake channel.
func fakeGate(t testing.TB, n *fakeNet, genesis consent.Message, own string) *gate {
	t.Helper()
	return newGate(t, genesis, organizations(own), func(testing.TB) fabric.Channel { return &peer{n, own} })
}
