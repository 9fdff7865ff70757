package node_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// canaries are bytes that must be nowhere once a person was erased, by what they are.
type canaries map[string][]byte

func (c canaries) text(name, value string) string { c[name] = []byte(value); return value }

// forms are the ways in which bytes are written: as they are, in hex, and in base64 wherever in a text they begin.
func forms(b []byte) (list [][]byte) {
	list = append(list, b, []byte(hex.EncodeToString(b)), bytes.ToUpper([]byte(hex.EncodeToString(b))))
	for shift := range 3 {
		padded := append(make([]byte, shift), b...)
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(padded)
			list = append(list, []byte(text[(shift*8+5)/6:len(padded)*8/6])) // only what the canary's bytes alone decide
		}
	}
	return list
}

// find returns where canaries are, as "name in file".
func (c canaries) find(t *testing.T, dirs ...string) (found []string) {
	t.Helper()
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for name, value := range c {
				for _, f := range forms(value) {
					if bytes.Contains(b, f) || strings.Contains(path, string(f)) {
						found = append(found, fmt.Sprintf("%s in %s as %.16q", name, path, f))
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestFindsCanaries(t *testing.T) {
	c := canaries{"salt": bytes.Repeat([]byte{0x9c, 1, 0xfe, 77}, 8)}
	for i, b := range [][]byte{
		c["salt"], []byte(hex.EncodeToString(c["salt"])), []byte(base64.StdEncoding.EncodeToString(append([]byte("x"), c["salt"]...))),
		[]byte(base64.URLEncoding.EncodeToString(append([]byte("xy"), append(c["salt"], 'z')...))),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "f"), append([]byte("before "), b...), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(c.find(t, dir)) == 0 {
			t.Errorf("form %d is not found", i)
		}
	}
}

// TestErased lets a person live on the ledger and be erased, and then looks for everything of hers in every file that the
// node ever wrote, backups and logs too.
func TestErased(t *testing.T) {
	ctx := context.Background()
	logs, backups := t.TempDir(), t.TempDir()
	logFile, err := os.Create(filepath.Join(logs, "node.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logFile.Close() }()
	w := nodetest.Start(t, func(c *node.Config) {
		c.Log = slog.New(slog.NewJSONHandler(logFile, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := canaries{}
	bob, bobs := w.Enrol("bystander-4711")
	gone, me := w.Enrol(c.text("record number", "canary-record-58c1e7"))
	for name, m := range live(t, ctx, w, c, gone, me) {
		b := m.Marshal()
		for _, s := range m.Sigs {
			c[name+" signature"] = s[:]
		}
		c[name+" message"] = b[8:72] // within the body
	}
	live(t, ctx, w, canaries{}, bob, bobs)
	key := gone.Key.Address()
	c["key address"], c["key"], c["key salt"] = key[:], gone.Key.Bytes(), gone.KeySalt[:]
	secret := consent.CodeSecret(gone.Code)
	c["code"], c["code secret"] = []byte(gone.Code), secret[:]
	hers, err := me.Receipt(ctx, gone.Prev)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Node.Backup(ctx, filepath.Join(backups, "before")); err != nil {
		t.Fatal(err)
	}

	hospital := w.Member(consenttest.CityHospital)
	e, err := hospital.Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{Handle: &gone.Handle}, Reason: "request"})
	if err != nil || e.Pending != 0 {
		t.Fatalf("erase: %+v, %v", e, err)
	}
	if _, err := w.Node.Backup(ctx, filepath.Join(backups, "after")); err != nil {
		t.Fatal(err)
	}
	p := w.Cfg.Paths
	checkReceipt(t, p, w.Ledger, hers)
	w.Close()
	everywhere := []string{p.Data, p.Anchors, p.Keys, backups, logs}
	if found := c.find(t, everywhere...); len(found) > 0 {
		t.Fatalf("after the erasure:\n%s", strings.Join(found, "\n"))
	}

	before, err := node.Verify(ctx, p, node.VerifyOptions{Signatures: true, State: true})
	if err != nil || before.Signatures.Erased == 0 || before.Vault.Erased != 1 {
		t.Fatalf("verify: %+v, %v", before, err)
	}
	r, err := node.Rebuild(ctx, p, nil)
	if err != nil || r.Before != r.After || r.After != before.State {
		t.Fatalf("rebuild: %+v, %v; the leaves give %s", r, err, before.State)
	}
	other := node.Under(t.TempDir())
	other.Keys = p.Keys
	if _, err := node.Restore(ctx, filepath.Join(backups, "before"), other, node.RestoreOptions{}); !errors.Is(err, vault.ErrNoEpochKey) {
		t.Fatalf("a backup from before the erasure opens: %v", err)
	}
	w.Open()
	if _, err := w.Node.Uses.Verify(ctx, uses.VerifyOptions{Bodies: true}); err != nil {
		t.Fatal(err)
	}
	st, err := w.SignIn(bob).Statement(ctx, proof.Seen{})
	if err != nil {
		t.Fatal(err)
	}
	if len(verify(t, w, bob, st)) == 0 {
		t.Fatal("the bystander's uses are gone")
	}
	w.Close()
	if found := c.find(t, everywhere...); len(found) > 0 {
		t.Fatalf("after the rebuild:\n%s", strings.Join(found, "\n"))
	}
}

// live lets a subject grant, be asked for, narrow and revoke, with canaries of hers in everything. It returns her messages.
func live(t *testing.T, ctx context.Context, w *nodetest.World, c canaries, s *consenttest.Subject, me *client.Client) map[string]consent.Message {
	t.Helper()
	k := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	k.Identifiers = []consent.Identifier{{System: "urn:x", Value: c.text("identifier", "canary-identifier-b02f")}}
	k.Policies = append(k.Policies, c.text("policy", "https://canary.example/policy/99d3"))
	k.Provisions[0].Purposes = append(k.Provisions[0].Purposes, consent.Coding{System: "urn:x", Code: c.text("purpose", "canary-purpose-71aa")})
	k.Provisions[0].Recipients = append(k.Provisions[0].Recipients,
		consent.Recipient{Reference: c.text("recipient", "city-hospital:Practitioner/canary-5e0d")})
	messages := map[string]consent.Message{}
	submit := func(name string, m consent.Message) {
		t.Helper()
		if _, err := me.Submit(ctx, m); err != nil {
			t.Fatal(err)
		}
		s.Moved(m)
		messages[name] = m
	}
	submit("grant", s.Grant(k))
	granted := s.Seq
	if _, err := w.Member(consenttest.RosaInstitute).Access(ctx, api.AccessRequest{
		Subject: w.Pseudonym(s, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"},
		Actor: api.Actor{Reference: c.text("actor", "Practitioner/canary-actor-44b1")}, RequestID: c.text("request", "canary-request-c3d7"),
		Resources: []api.Resource{{Type: "Observation", ID: c.text("resource", "canary-resource-0b9e")}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, look := range []func() error{
		func() error { _, err := me.Statement(ctx, proof.Seen{}); return err },
		func() error { _, err := me.UsesCSV(ctx); return err },
		func() error { _, err := me.Consents(ctx); return err },
	} {
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	submit("revoke", s.Revoke(granted))
	submit("second grant", s.Grant(k))
	submit("revoke all", s.RevokeAll())
	return messages
}

// checkReceipt checks a receipt offline, with the public key alone.
func checkReceipt(t *testing.T, p node.Paths, ledger consent.Hash, r network.Receipt) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Keys, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, public, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := journal.OpenCheckpoint(r.Checkpoint, embedded.Origin(ledger), v)
	if err == nil {
		_, err = embedded.CheckReceipt(r, cp)
	}
	if err != nil {
		text, _ := json.Marshal(r)
		t.Fatalf("receipt %s: %v", text, err)
	}
}
