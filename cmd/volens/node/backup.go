package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// A backup is a folder:
//
//	backup.json   what is in it, written last: without it the backup is not complete
//	genesis.json
//	ledger/, uses/  the journals, each with its anchor
//	ring            the vault's wrapped keys, which are noise without the epoch key of Epoch
//	archive/        policies and code systems of past decisions
//
// No key is in it. KeysBackup has them, to be kept elsewhere.

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Ledger   consent.Hash   `json:"ledger"`
	Size     consent.Uint64 `json:"size"` // records of the ledger
	Root     consent.Hash   `json:"root"`
	Uses     consent.Uint64 `json:"uses"`
	UsesRoot consent.Hash   `json:"usesRoot"`
	Epoch    consent.Uint64 `json:"epoch"` // of the epoch key that opens the ring
}

const (
	infoFile    = "backup.json"
	ringFile    = "ring"
	genesisFile = "genesis.json"
	anchorFile  = "anchor" // journal.Backup's
)

// Backup copies a node that is not running to the folder dst, which must be empty or not exist.
func Backup(ctx context.Context, p Paths, dst string) (_ BackupInfo, err error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return BackupInfo{}, err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return BackupInfo{}, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	ledger, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return BackupInfo{}, err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	log, err := openUses(ctx, p, id, v, nil)
	if err != nil {
		return BackupInfo{}, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return backup(ctx, p, id, sources{ledger.Log(), log.Journal(), v}, dst)
}

// Backup copies the running node to the folder dst, which must be empty or not exist. It goes on serving.
func (n *Node) Backup(ctx context.Context, dst string) (BackupInfo, error) {
	return backup(ctx, n.cfg.Paths, n.Ledger.ID(), sources{n.Ledger.Log(), n.Uses.Journal(), n.Vault}, dst)
}

type sources struct {
	ledger, uses *journal.Log
	vault        *vault.Vault
}

// backup copies the logs first and the keys after them: every record's key is in the ring before the record is
// acknowledged, so no record in the copy lacks its key.
func backup(ctx context.Context, p Paths, id consent.Hash, from sources, dst string) (BackupInfo, error) {
	if es, err := os.ReadDir(dst); err == nil && len(es) > 0 {
		return BackupInfo{}, fmt.Errorf("back up: %s is not empty", dst)
	}
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return BackupInfo{}, fmt.Errorf("back up: %w", err)
	}
	info := BackupInfo{Ledger: id}
	steps := []func() error{
		func() error { return journal.Backup(ctx, from.uses, filepath.Join(dst, usesDir)) },
		func() error { return journal.Backup(ctx, from.ledger, filepath.Join(dst, ledgerDir)) },
		func() error { return backupRing(from.vault, filepath.Join(dst, ringFile)) },
		func() error { return copyFiles(filepath.Join(p.Data, archiveDir), filepath.Join(dst, archiveDir)) },
		func() error { return copyFile(p.genesis(), filepath.Join(dst, genesisFile)) },
		func() error { return info.read(p, from.vault.Stats().Epoch, dst) },
		func() error { return writeJSON(filepath.Join(dst, infoFile), info) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return info, err
		}
	}
	return info, nil
}

// read takes sizes and roots from the copies' own anchors.
func (b *BackupInfo) read(p Paths, epoch uint64, dst string) error {
	b.Epoch = consent.Uint64(epoch)
	ledger, log, err := journals(p, b.Ledger)
	if err != nil {
		return err
	}
	a, err := journal.ReadAnchor(copied(ledger, filepath.Join(dst, ledgerDir)))
	if err != nil {
		return err
	}
	u, err := journal.ReadAnchor(copied(log, filepath.Join(dst, usesDir)))
	b.Size, b.Root = consent.Uint64(a.Size), consent.Hash(a.Root)     //nolint:gosec // not negative
	b.Uses, b.UsesRoot = consent.Uint64(u.Size), consent.Hash(u.Root) //nolint:gosec // not negative
	return err
}

// journals are the configurations of the node's two logs.
func journals(p Paths, id consent.Hash) (ledger, log journal.Config, err error) {
	lc, err := LedgerConfig(p, id)
	if err != nil {
		return ledger, log, err
	}
	uc, err := usesConfig(p, id)
	return lc.Journal(), uc.Journal, err
}

func copied(c journal.Config, dir string) journal.Config {
	c.Dir, c.AnchorPath = dir, filepath.Join(dir, anchorFile)
	return c
}

func backupRing(v *vault.Vault, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	err = v.Backup(f)
	return errors.Join(err, f.Sync(), f.Close())
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return writeNew(path, append(b, '\n'))
}

func copyFiles(src, dst string) error {
	files, err := os.ReadDir(src)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(dst, 0o700)
	}
	if err != nil {
		return fmt.Errorf("copy files: %w", err)
	}
	for _, f := range files {
		if err := copyFile(filepath.Join(src, f.Name()), filepath.Join(dst, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(src, dst string) error {
	b, err := os.ReadFile(src) //nolint:gosec // the operator's own path
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	return writeNew(dst, b)
}

// ErrRollback says that a backup is older than what the anchors have promised.
var ErrRollback = errors.New("the backup is older than the anchor: restoring it would undo what was acknowledged")

// RestoreOptions of a restore. The zero value refuses every loss.
type RestoreOptions struct {
	// AsOf, if it is the backup's own size of the ledger, lets a backup be restored that is older than the anchors promise.
	// The anchors are kept beside the new ones, with the extension .before.
	AsOf consent.Uint64
}

// Restore makes the data folder of a node from a backup. The keys must be in place: those of the logs, and the epoch key of
// the backup's ring. It refuses a data folder that is not empty. Every record is checked on the way. Erasures that the
// ledger's leaves tell of are applied to the ring, and completed, before anything can be opened.
func Restore(ctx context.Context, src string, p Paths, o RestoreOptions) (info BackupInfo, err error) { //nolint:cyclop // one step after another
	if es, err := os.ReadDir(p.Data); err == nil && len(es) > 0 {
		return info, fmt.Errorf("restore: %s is not empty", p.Data)
	}
	if info, err = readInfo(src); err != nil {
		return info, fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil { // what is there now was copied: nothing but the backup is lost by taking it away
			err = errors.Join(err, os.RemoveAll(p.Data))
		}
	}()
	if err := errors.Join(os.MkdirAll(p.Data, 0o700), os.MkdirAll(p.Anchors, 0o700)); err != nil {
		return info, fmt.Errorf("restore: %w", err)
	}
	if err := copyFile(filepath.Join(src, genesisFile), p.genesis()); err != nil {
		return info, err
	}
	_, id, err := ReadGenesis(p)
	if err == nil && id != info.Ledger {
		err = errors.New("restore: the genesis is of another ledger than the backup")
	}
	if err != nil {
		return info, err
	}
	if err := checkKeys(p); err != nil {
		return info, err
	}
	if err := restoreLogs(ctx, src, p, info, o); err != nil {
		return info, err
	}
	if err := restoreVault(ctx, src, p, id); err != nil {
		return info, err
	}
	return info, copyFiles(filepath.Join(src, archiveDir), filepath.Join(p.Data, archiveDir))
}

func readInfo(src string) (info BackupInfo, err error) {
	b, err := os.ReadFile(filepath.Join(src, infoFile)) //nolint:gosec // the operator's own path
	if errors.Is(err, os.ErrNotExist) {
		return info, fmt.Errorf("%s holds no complete backup", src)
	}
	if err == nil {
		err = json.Unmarshal(b, &info)
	}
	return info, err
}

func restoreLogs(ctx context.Context, src string, p Paths, info BackupInfo, o RestoreOptions) error {
	ledger, log, err := journals(p, info.Ledger)
	if err != nil {
		return err
	}
	if o.AsOf != 0 {
		if o.AsOf != info.Size {
			return fmt.Errorf("restore: the backup is as of %d records, not %d", info.Size, o.AsOf)
		}
		if err := errors.Join(setAside(ledger.AnchorPath), setAside(log.AnchorPath)); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	for dir, c := range map[string]journal.Config{ledgerDir: ledger, usesDir: log} {
		err := journal.Restore(ctx, filepath.Join(src, dir), c)
		if errors.Is(err, journal.ErrShorter) {
			err = fmt.Errorf("%w: %w", ErrRollback, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setAside moves an anchor out of the way; none is fine.
func setAside(anchor string) error {
	err := os.Rename(anchor, anchor+".before")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func restoreVault(ctx context.Context, src string, p Paths, id consent.Hash) error {
	erased, err := erasedSubjects(ctx, p, id)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(src, ringFile)) //nolint:gosec // the operator's own path
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	err = vault.Restore(ctx, p.vault(), f, erased...)
	return errors.Join(err, f.Close())
}

// erasedSubjects are those whose erasure is on the restored ledger.
func erasedSubjects(ctx context.Context, p Paths, id consent.Hash) (ids []vault.ID, err error) {
	ledger, _, err := journals(p, id)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	_, err = journal.Verify(ctx, ledger, journal.VerifyOptions{Each: func(i int64, r journal.Record) error {
		ev, err := embedded.LeafAt(i, r)
		if err != nil || ev.Event.Type != "Erase" {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, vault.ID(ev.Event.Handle))
		return nil
	}})
	return ids, err
}
