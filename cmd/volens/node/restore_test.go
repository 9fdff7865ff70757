package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network/vault"
)

// copyTree copies a folder, replacing what is there.
func copyTree(t *testing.T, src, dst string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(dst), os.CopyFS(dst, os.DirFS(src))); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreErases restores a ledger that tells of an erasure with a ring and an epoch key from before it, as when the
// keys come from an older tape: the erasure is applied and completed before anything can be opened.
func TestRestoreErases(t *testing.T) {
	ctx := context.Background()
	w := nodetest.Start(t, nil)
	alice, _ := w.Enrol("p1")
	bob, _ := w.Enrol("p2")
	p, dir := w.Cfg.Paths, t.TempDir()
	older, newer, keys := filepath.Join(dir, "older"), filepath.Join(dir, "newer"), filepath.Join(dir, "keys")
	if _, err := w.Node.Backup(ctx, older); err != nil {
		t.Fatal(err)
	}
	copyTree(t, p.Keys, keys)
	if _, err := w.Member(consenttest.CityHospital).Erase(ctx, api.EraseSubject{
		SubjectQuery: api.SubjectQuery{Handle: &alice.Handle}, Reason: "request",
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Node.Backup(ctx, newer); err != nil {
		t.Fatal(err)
	}
	ring, err := os.ReadFile(filepath.Join(older, "ring"))
	if err == nil {
		err = os.WriteFile(filepath.Join(newer, "ring"), ring, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Close()

	// Without the newer anchors nothing else tells that the erasure happened.
	p = node.Paths{Data: filepath.Join(dir, "data"), Anchors: filepath.Join(dir, "anchors"), Keys: keys}
	if _, err := node.Restore(ctx, newer, p, node.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(keys, "epoch.1")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the epoch key that opens the older ring is still there: %v", err)
	}
	r, err := node.Verify(ctx, p, node.VerifyOptions{Signatures: true, State: true})
	if err != nil || r.Vault.Erased != 1 || r.Vault.Pending != 0 || r.Signatures.Erased == 0 {
		t.Fatalf("verify: %+v, %v", r, err)
	}
	w.Cfg.Paths = p
	w.Open()
	if v := w.Node.Vault; !v.Erased(vault.ID(alice.Handle)) || !v.Known(vault.ID(bob.Handle)) {
		t.Fatal("the ring after the restore has the wrong keys")
	}
	w.SignIn(bob)
	w.Close()

	// The older backup is behind the anchors, and says so.
	if err := os.RemoveAll(p.Data); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Restore(ctx, older, p, node.RestoreOptions{}); !errors.Is(err, node.ErrRollback) {
		t.Fatalf("an older backup: %v", err)
	}
	if _, err := node.Restore(ctx, older, p, node.RestoreOptions{AsOf: 1}); err == nil || errors.Is(err, node.ErrRollback) {
		t.Fatalf("as of another size: %v", err)
	}
	if _, err := os.Stat(p.Data); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a refused restore left something: %v", err)
	}
}
