package node

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// Paths are a node's places. Data can be backed up whole; Anchors and Keys belong on other volumes, because they are what
// tells a restored, shortened or foreign Data from the right one.
type Paths struct {
	Data    string // vault, ledger, use log, indexes, archive of policies, the genesis
	Anchors string // newest signed checkpoints
	Keys    string // signing keys, epoch keys, secrets: readable by their owner alone
}

// Under returns the paths of a node that has everything under one folder.
func Under(dir string) Paths {
	return Paths{Data: filepath.Join(dir, "data"), Anchors: filepath.Join(dir, "anchors"), Keys: filepath.Join(dir, "keys")}
}

func (p Paths) genesis() string { return filepath.Join(p.Data, "genesis.json") }

func (p Paths) folders() []string { return []string{p.Data, p.Anchors, p.Keys} }

// Folders of the data folder.
const (
	ledgerDir = "ledger"
	usesDir   = "uses"
	vaultDir  = "vault"
)

// Names of key files.
const (
	ledgerKeyFile    = "ledger.key"
	usesKeyFile      = "uses.key"
	secretFile       = "secret.key"
	custodianKeyFile = "custodian.key"
	epochKeyFile     = "epoch"
)

// logKey is a log's checkpoint signer with its verifier.
type logKey struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// newLogKey makes a signed-note key with this name and keeps it.
func newLogKey(path, name string) error {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return fmt.Errorf("make a log key: %w", err)
	}
	return writeNew(path, []byte(skey+"\n"+vkey+"\n"))
}

func readLogKey(path string) (logKey, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return logKey{}, fmt.Errorf("read a log key: %w", err)
	}
	skey, vkey, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if !ok {
		return logKey{}, fmt.Errorf("read a log key: %s has not two lines", path)
	}
	k := logKey{public: vkey}
	if k.signer, err = note.NewSigner(skey); err != nil {
		return logKey{}, fmt.Errorf("read a log key: %w", err)
	}
	if k.verifier, err = note.NewVerifier(vkey); err != nil {
		return logKey{}, fmt.Errorf("read a log key: %w", err)
	}
	return k, nil
}

// writeNew writes a file that must not exist, for its owner alone: durably, and whole or not at all.
func writeNew(path string, b []byte) error {
	if err := create(path, b); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func create(path string, b []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(os.ErrExist, err)
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator's own path
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeSecret makes a secret of 32 bytes: hex, a space, and the checksum of the hex. One flipped bit would otherwise give
// every subject another pseudonym without a word.
func writeSecret(path string) error {
	var b [32]byte
	_, _ = rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return writeNew(path, formatSecret(b))
}

func formatSecret(secret [32]byte) []byte {
	text := hex.AppendEncode(nil, secret[:])
	return fmt.Appendf(text, " %s\n", checksum(text))
}

func readSecret(path string) (out [32]byte, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return out, fmt.Errorf("read a secret: %w", err)
	}
	text, _, _ := bytes.Cut(b, []byte{' '})
	if n, err := hex.Decode(out[:], text[:min(len(text), 64)]); err != nil || n != 32 || !bytes.Equal(b, formatSecret(out)) {
		return [32]byte{}, fmt.Errorf("read a secret: %s is not as it was written", filepath.Base(path))
	}
	return out, nil
}

func checksum(b []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// ReadGenesis reads the genesis that a node was made with.
func ReadGenesis(p Paths) (consent.Message, consent.Hash, error) { return readGenesis(p.genesis()) }

func readGenesis(path string) (consent.Message, consent.Hash, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return consent.Message{}, consent.Hash{}, fmt.Errorf("read the genesis: %w", err)
	}
	var m consent.Message
	if err := json.Unmarshal(b, &m); err != nil {
		return m, consent.Hash{}, fmt.Errorf("read the genesis: %w", err)
	}
	g, ok := m.Body.(*consent.Init)
	if !ok {
		return m, consent.Hash{}, errors.New("read the genesis: it is not an Init")
	}
	id := consent.LedgerID(g)
	if _, err := consent.Verify(id, m); err != nil {
		return m, id, fmt.Errorf("read the genesis: %w", err)
	}
	return m, id, nil
}

// custodianFile is the custodian's id and signing key.
type custodianFile struct {
	Member consent.MemberID `json:"member"`
	Key    string           `json:"key"`
	Sum    string           `json:"sum"` // checksum of "member key"
}

func (f custodianFile) sum() string { return checksum([]byte(string(f.Member) + " " + f.Key)) }

func writeCustodian(path string, m consent.MemberID, k sig.Key) error {
	f := custodianFile{Member: m, Key: hex.EncodeToString(k.Bytes())}
	f.Sum = f.sum()
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return writeNew(path, b)
}

// custodianOf names the custodian whose subjects the node serves, "" for none.
func custodianOf(p Paths) (consent.MemberID, error) {
	m, _, _, err := readCustodian(filepath.Join(p.Keys, custodianKeyFile))
	return m, err
}

// readCustodian returns the custodian, or false when the node has none.
func readCustodian(path string) (m consent.MemberID, k sig.Key, ok bool, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if errors.Is(err, os.ErrNotExist) {
		return "", k, false, nil
	}
	var f custodianFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.Sum != f.sum() {
		err = errors.New("it is not as it was written")
	}
	var raw []byte
	if err == nil {
		raw, err = hex.DecodeString(f.Key)
	}
	if err == nil {
		k, err = sig.ParseKey(raw)
	}
	if err != nil {
		return "", k, false, fmt.Errorf("read the custodian's key: %w", err)
	}
	return f.Member, k, true, nil
}
