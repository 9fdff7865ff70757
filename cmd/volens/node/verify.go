package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

// VerifyOptions says how far a verification goes. The zero value checks every byte that must not be lost: both journals,
// the chains and slots of the use log, the vault's ring, the keys, the genesis and the archive of policies.
type VerifyOptions struct {
	Signatures bool // open every message that was not erased: its commitment is the leaf's, its signatures hold
	State      bool // run the contract on every message again: its writes are the leaf's. Implies Signatures
	Progress   func(what string, done, total int64)
}

// Report is what a verification found.
type Report struct {
	Ledger     consent.Hash `json:"ledger"`
	Size       int64        `json:"size,string"` // records of the ledger, with those that the next start anchors
	Root       consent.Hash `json:"root"`
	Tail       int64        `json:"tail,string"` // of them, those above the anchor
	Uses       LogReport    `json:"uses"`
	Subjects   int          `json:"subjects"` // with a use on record
	Slots      int64        `json:"slots,string"`
	Bytes      int64        `json:"bytes,string"` // of both logs
	Vault      vault.Stats  `json:"vault"`
	Archives   int          `json:"archives"`
	Signatures *Signatures  `json:"signatures,omitempty"`
	State      consent.Hash `json:"state,omitzero"` // digest of the state that the leaves give, as Rebuild prints it
}

// LogReport is a journal's size and root.
type LogReport struct {
	Size int64        `json:"size,string"`
	Root consent.Hash `json:"root"`
	Tail int64        `json:"tail,string"`
}

// Signatures counts what was verified again.
type Signatures struct {
	Messages   int64 `json:"messages,string"`
	Signatures int64 `json:"signatures,string"`
	Erased     int64 `json:"erased,string"` // messages that nobody can open any more
}

// Verify checks a node that is not running, and writes nothing but what opening the vault does when it must open messages.
// It reads no index, since those are made anew whenever they are in doubt. The first bad position is in the error.
func Verify(ctx context.Context, p Paths, o VerifyOptions) (Report, error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return Report{}, err
	}
	r := Report{Ledger: id}
	if err := checkKeys(p); err != nil {
		return r, err
	}
	if r.Archives, err = checkArchive(filepath.Join(p.Data, archiveDir)); err != nil {
		return r, err
	}
	if r.Vault, err = vault.Verify(ctx, p.vault()); err != nil {
		return r, err
	}
	if err := r.verifyLedger(ctx, p, id, o); err != nil {
		return r, err
	}
	return r, r.verifyUses(ctx, p, id, o)
}

// checkKeys reads every key file.
func checkKeys(p Paths) error {
	for _, name := range []string{ledgerKeyFile, usesKeyFile} {
		if _, err := readLogKey(filepath.Join(p.Keys, name)); err != nil {
			return err
		}
	}
	_, err := readSecret(filepath.Join(p.Keys, secretFile))
	if err == nil {
		_, _, _, err = readCustodian(filepath.Join(p.Keys, custodianKeyFile))
	}
	return err
}

// checkArchive reads every archive of policies: it must have the digests that its name says.
func checkArchive(dir string) (int, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name())) //nolint:gosec // a name that the folder gave
		if err != nil {
			return 0, fmt.Errorf("read the archive of policies: %w", err)
		}
		e, err := policies.FromArchive(b, policies.Config{MemoEntries: -1})
		if err != nil {
			return 0, fmt.Errorf("archive of policies %s: %w", f.Name(), err)
		}
		if f.Name() != archiveName(e.Digests()) {
			return 0, fmt.Errorf("archive of policies %s: its content has another digest", f.Name())
		}
	}
	return len(files), err
}

func (o VerifyOptions) progress(what string) func(done, total int64) {
	if o.Progress == nil {
		return nil
	}
	return func(done, total int64) { o.Progress(what, done, total) }
}

func (r *Report) verifyLedger(ctx context.Context, p Paths, id consent.Hash, o VerifyOptions) (err error) {
	lc, err := LedgerConfig(p, id)
	if err != nil {
		return err
	}
	a := audit{ledger: id, open: o.Signatures || o.State, again: o.State}
	if a.open {
		v, err := vault.Open(ctx, p.vault())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.Close()) }()
		a.vault = v
	}
	rep, err := journal.Verify(ctx, lc.Journal(), journal.VerifyOptions{Progress: o.progress("ledger"), Each: a.each})
	if err != nil {
		return err
	}
	r.Size, r.Root, r.Tail, r.Bytes = rep.Size, consent.Hash(rep.Root), rep.Tail, rep.Bytes
	if a.vault != nil {
		r.Signatures = &Signatures{a.messages.Load(), a.signatures.Load(), a.erased.Load()}
	}
	if o.State {
		r.State = a.state.digest()
	}
	return nil
}

func (r *Report) verifyUses(ctx context.Context, p Paths, id consent.Hash, o VerifyOptions) error {
	uc, err := usesConfig(p, id)
	if err != nil {
		return err
	}
	var fold proof.Fold
	inOrder := newSequence(func(_ int64, leaf []byte) error { return fold.Add(leaf) })
	rep, err := journal.Verify(ctx, uc.Journal, journal.VerifyOptions{
		Progress: o.progress("uses"),
		Each: func(i int64, rec journal.Record) error {
			return inOrder.add(i, append(make([]byte, 0, len(rec.Leaf)), rec.Leaf...))
		},
	})
	if err != nil {
		return err
	}
	cp, err := proof.Log{Origin: uc.Journal.Origin, Verifier: uc.Journal.Verifier}.Open(rep.Checkpoint.Note)
	if err == nil {
		err = fold.Check(cp)
	}
	if err != nil {
		return fmt.Errorf("verify use log: %w", err)
	}
	r.Uses = LogReport{rep.Size, consent.Hash(rep.Root), rep.Tail}
	r.Subjects, r.Slots = fold.Subjects(), cp.Slots
	r.Bytes += rep.Bytes
	return nil
}

// archiveDir holds, under the data folder, what past decisions were made with.
const archiveDir = "archive"

func archiveName(policy, codes [32]byte) string {
	return strings.Join([]string{consent.Hash(policy).String(), consent.Hash(codes).String()}, "-") + ".tar"
}
