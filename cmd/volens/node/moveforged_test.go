package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
)

// forge writes an export again with other records, under a key of the forger's.
func forge(t testing.TB, src string, change func([]journal.Record) []journal.Record) string {
	t.Helper()
	ctx := context.Background()
	var info node.ExportInfo
	readJSON(t, filepath.Join(src, "export.json"), &info)
	old, err := note.NewVerifier(info.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := journal.Config{Dir: filepath.Join(src, "log"), AnchorPath: filepath.Join(src, "anchor"), Origin: embedded.Origin(info.Ledger), Verifier: old}
	var mu sync.Mutex
	records := make([]journal.Record, info.Size)
	if _, err := journal.Verify(ctx, cfg, journal.VerifyOptions{Each: func(i int64, r journal.Record) error {
		mu.Lock()
		defer mu.Unlock()
		records[i] = journal.Record{Leaf: slices.Clone(r.Leaf), Attachment: slices.Clone(r.Attachment)}
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	records = change(records)
	dst := t.TempDir()
	skey, vkey, err := note.GenerateKey(nil, "forger")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.AnchorPath = filepath.Join(dst, "log"), filepath.Join(dst, "anchor")
	if cfg.Signer, err = note.NewSigner(skey); err == nil {
		cfg.Verifier, err = note.NewVerifier(vkey)
	}
	if err == nil {
		err = journal.Init(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	info.Messages, info.Erased = 0, 0
	for _, r := range records {
		if len(r.Attachment) > 1 {
			info.Messages++
		} else {
			info.Erased++
		}
		if _, err := log.Append(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	cp := log.Durable()
	info.Size, info.Root, info.Key = consent.Uint64(cp.Size), consent.Hash(cp.Root), vkey
	b, err := json.Marshal(info)
	if err == nil {
		err = errors.Join(log.Close(), os.WriteFile(filepath.Join(dst, "export.json"), b, 0o600), copyFile(src, dst, "genesis.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

func copyFile(src, dst, name string) error {
	b, err := os.ReadFile(filepath.Join(src, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dst, name), b, 0o600)
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestForgedExports: whoever has a log's key can make a log that hashes. It does not get through: the contract runs again on
// every message, and what it cannot tell the authorities' root does.
func TestForgedExports(t *testing.T) {
	m := newMover(t)
	m.close()
	good := m.move()
	n := int(good.Export.Size)
	of := func(r journal.Record) string {
		leaf, err := consent.ParseLeaf(r.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Type
	}
	find := func(rs []journal.Record, kind string) int {
		return slices.IndexFunc(rs, func(r journal.Record) bool { return of(r) == kind })
	}
	for name, c := range map[string]struct {
		change func(rs []journal.Record) []journal.Record
		want   string
	}{
		"two swapped": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "SubjectClaim")
			rs[i-1], rs[i] = rs[i], rs[i-1]
			return rs
		}, "there is no such subject"},
		"one twice": {func(rs []journal.Record) []journal.Record { return slices.Insert(rs, 3, rs[2]) }, "admitted already"},
		"one left out": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "SubjectOpen")
			return slices.Delete(rs, i, i+1)
		}, "no such subject"},
		"cut": {func(rs []journal.Record) []journal.Record { return rs[:n-1] }, "does not end with the closing"},
		"no revocation": {func(rs []journal.Record) []journal.Record {
			i := find(rs, "ConsentRevoke")
			return slices.Delete(rs, i, i+1)
		}, ""},
		"a message gone": {func(rs []journal.Record) []journal.Record {
			rs[find(rs, "ConsentRevoke")].Attachment = embedded.Unsealed(nil)
			return rs
		}, "its subject was not erased"},
		"a member's message gone": {func(rs []journal.Record) []journal.Record {
			rs[find(rs, "MemberAdmit")].Attachment = embedded.Unsealed(nil)
			return rs
		}, "speaks of no subject"},
		"another's message": {func(rs []journal.Record) []journal.Record {
			rs[2].Attachment = rs[1].Attachment
			return rs
		}, "not the one that the leaf commits to"},
		"another's signature": {func(rs []journal.Record) []journal.Record {
			r := &rs[find(rs, "ConsentGrant")]
			msg, err := consent.Unmarshal(r.Attachment[1:])
			if err != nil {
				t.Fatal(err)
			}
			msg.Sigs = nil
			if err := msg.Sign(m.Ledger, consenttest.Persona("mallory")); err != nil {
				t.Fatal(err)
			}
			r.Attachment = embedded.Unsealed(&msg)
			return rs
		}, "not signed by the key"},
		"other writes": {func(rs []journal.Record) []journal.Record {
			r := &rs[find(rs, "ConsentRevoke")]
			leaf, err := consent.ParseLeaf(r.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			leaf.Writes[0].Value = []byte(strings.Replace(string(leaf.Writes[0].Value), "\x07revoked", "\x04live", 1))
			r.Leaf = leaf.Marshal()
			return rs
		}, "something else than the leaf says"},
		"sealed": {func(rs []journal.Record) []journal.Record { rs[1].Attachment[0] = 2; return rs }, "no vault"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := forge(t, m.export, c.change)
			e, err := node.OpenExport(context.Background(), dir, nil)
			if c.want == "" { // a history that could have been: it is not the one that the authorities signed
				if err == nil {
					_, err = e.Check(good.Opening)
				}
				if consent.CodeOf(err) != consent.Conflict {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, node.ErrExport) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestExportOfAnotherLedger: a genesis beside another ledger's log does not make it that ledger's.
func TestExportOfAnotherLedger(t *testing.T) {
	m := newMover(t)
	m.close()
	_, other := consenttest.NewWorld("another")
	b, err := json.Marshal(other)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.export, "genesis.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.OpenExport(context.Background(), m.export, nil); !errors.Is(err, node.ErrExport) || !strings.Contains(err.Error(), "another ledger's") {
		t.Fatal(err)
	}
}

// FuzzOpenExport spoils one byte of an export: it is refused, or the byte meant nothing and all is as it was.
func FuzzOpenExport(f *testing.F) {
	m := bulk(f, 2, 1)
	good := m.move().Export
	files := []string{"export.json", "genesis.json", "anchor", "log/00000000000000000000.seg"}
	for i := range files {
		f.Add(byte(i), uint32(200), byte(1), false)
		f.Add(byte(i), uint32(900), byte(0x80), true)
	}
	f.Fuzz(func(t *testing.T, which byte, at uint32, change byte, cut bool) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(m.export)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, files[int(which)%len(files)])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		k := int(at) % min(len(b), 16<<10)
		b[k] ^= change
		if cut {
			b = b[:k]
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := node.OpenExport(t.Context(), dir, nil)
		if err != nil {
			if !errors.Is(err, node.ErrExport) {
				t.Fatal(err)
			}
			return
		}
		if e.Size != good.Size || e.Root != good.Root || e.Ledger != good.Ledger || e.Messages != good.Messages {
			t.Fatalf("%+v", e.ExportInfo)
		}
	})
}
