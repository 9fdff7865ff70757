package node

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// writeNew writes a file that must not exist, durably, for its owner alone.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func writeSecret(path string) error {
	var b [32]byte
	_, _ = rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return writeNew(path, []byte(hex.EncodeToString(b[:])+"\n"))
}

func readHex32(path string) (out [32]byte, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return out, fmt.Errorf("read a key: %w", err)
	}
	if n, err := hex.Decode(out[:], []byte(strings.TrimSpace(string(b)))); err != nil || n != 32 {
		return out, fmt.Errorf("read a key: %s is not 32 bytes in hex", filepath.Base(path))
	}
	return out, nil
}

// ReadGenesis reads the genesis that a node was made with.
func ReadGenesis(p Paths) (consent.Message, consent.Hash, error) {
	b, err := os.ReadFile(p.genesis())
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
	return m, consent.LedgerID(g), nil
}

// custodianFile is the custodian's id and signing key.
type custodianFile struct {
	Member consent.MemberID `json:"member"`
	Key    string           `json:"key"`
}

func writeCustodian(path string, m consent.MemberID, k sig.Key) error {
	b, err := json.Marshal(custodianFile{m, hex.EncodeToString(k.Bytes())})
	if err != nil {
		return err
	}
	return writeNew(path, b)
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
