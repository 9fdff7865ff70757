package embedded_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/networktest"
	"github.com/volens-ledger/volens/network/vault"
)

// host is an embedded ledger in a temporary folder.
type host struct {
	cfg   embedded.Config
	vault vault.Config
	v     *vault.Vault
	l     *embedded.Ledger
}

func newHost(t testing.TB, genesis consent.Message) *host {
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
	h := &host{vault: vault.Config{Dir: filepath.Join(dir, "vault"), EpochKeyPath: filepath.Join(dir, "epoch")}}
	if err := vault.Init(context.Background(), h.vault); err != nil {
		t.Fatal(err)
	}
	h.openVault(t)
	h.cfg = embedded.Config{
		Dir: filepath.Join(dir, "ledger"), AnchorPath: filepath.Join(dir, "anchor"), Ledger: consent.LedgerID(g),
		Signer: signer, Verifier: verifier, Vault: h.v,
	}
	if _, err := embedded.Init(context.Background(), h.cfg, genesis); err != nil {
		t.Fatal(err)
	}
	h.open(t)
	t.Cleanup(func() { h.close(t) })
	return h
}

func (h *host) openVault(t testing.TB) {
	t.Helper()
	v, err := vault.Open(context.Background(), h.vault)
	if err != nil {
		t.Fatal(err)
	}
	h.v, h.cfg.Vault = v, v
}

func (h *host) open(t testing.TB) {
	t.Helper()
	l, err := embedded.Open(context.Background(), h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.l = l
}

func (h *host) close(t testing.TB) {
	t.Helper()
	if err := h.l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.v.Close(); err != nil {
		t.Fatal(err)
	}
}

func (h *host) Ledger() network.Ledger { return h.l }

func (h *host) Restart(t *testing.T) network.Ledger {
	h.close(t)
	h.openVault(t)
	h.open(t)
	return h.l
}

func (h *host) Check(t *testing.T, r network.Receipt) {
	t.Helper()
	cp, err := journal.OpenCheckpoint(r.Checkpoint, embedded.Origin(h.cfg.Ledger), h.cfg.Verifier)
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

func TestNetwork(t *testing.T) {
	networktest.Run(t, func(t *testing.T, genesis consent.Message) networktest.Host { return newHost(t, genesis) })
}

// TestLargeBatch applies more at once than one transaction of the index holds.
func TestLargeBatch(t *testing.T) {
	_, genesis := consenttest.NewWorld(t.Name())
	h := newHost(t, genesis)
	if b, err := h.l.Apply(1000, 8<<10); err != nil || len(b) != 8<<10 {
		t.Fatal(len(b), err)
	}
}
