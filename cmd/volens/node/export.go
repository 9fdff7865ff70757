package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// An export is a closed ledger in a folder, for another host to take over:
//
//	export.json   what is in it, written last: without it the export is not complete
//	genesis.json
//	log/          the ledger's journal, as package journal has it, and what each leaf's message is, not sealed
//	anchor        its checkpoint, signed by the log's key as on the node
//
// It is the ledger's own form. Only the attachments differ: they are open, so whoever has the folder reads what patients
// signed. Files are their owner's alone; keep the folder on encrypted disks, and destroy it after the move.

// exportVersion is the version of the form.
const exportVersion = 1

// exportSegment bounds a segment, of which the last one is padded.
const exportSegment = 8 << 20

// Names of an export's files.
const (
	exportFile    = "export.json"
	exportLog     = "log"
	exportAnchor  = "anchor"
	maxExportInfo = 64 << 10
)

// ExportInfo says what an export holds.
type ExportInfo struct {
	Version  int            `json:"version"`
	Ledger   consent.Hash   `json:"ledger"`
	Name     string         `json:"name"`
	Size     consent.Uint64 `json:"size"` // leaves, the closing included
	Root     consent.Hash   `json:"root"`
	Key      string         `json:"key"`      // of the log's checkpoints, as receipts from before name it
	Messages consent.Uint64 `json:"messages"` // that are there
	Erased   consent.Uint64 `json:"erased"`   // leaves whose message nobody can read any more
}

// ErrExport says that an export is not what it says, or not whole.
var ErrExport = errors.New("the export does not hold")

// ExportLedger writes the closed ledger of a node that is not running to the folder dst, which must be empty or not exist.
func ExportLedger(ctx context.Context, p Paths, dst string, progress func(done, total int64)) (info ExportInfo, err error) {
	genesis, id, err := ReadGenesis(p)
	if err != nil {
		return info, err
	}
	if copies, err := p.copies(); err != nil || copies {
		return info, errors.Join(errors.New("export: the node has a copy of a channel, and not all messages"), err)
	}
	if es, err := os.ReadDir(dst); err == nil && len(es) > 0 {
		return info, fmt.Errorf("export: %s is not empty", dst)
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	l, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if info, err = writeExport(ctx, p, l, v, dst, progress); err != nil {
		return info, fmt.Errorf("export: %w", err)
	}
	if err := writeJSON(filepath.Join(dst, genesisFile), genesis); err != nil {
		return info, err
	}
	return info, writeJSON(filepath.Join(dst, exportFile), info)
}

// writeExport writes an export's log.
func writeExport(ctx context.Context, p Paths, l Ledger, v *vault.Vault, dst string, progress func(done, total int64)) (info ExportInfo, err error) {
	lk, err := readLogKey(filepath.Join(p.Keys, ledgerKeyFile))
	if err != nil {
		return info, err
	}
	record, err := recordOf(l)
	if err != nil {
		return info, err
	}
	if !record.Closed {
		return info, consent.Errorf(consent.WrongState, "the ledger is not closed; its authorities close it first")
	}
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return info, err
	}
	cp := l.Log().Durable()
	info = ExportInfo{
		Version: exportVersion, Ledger: l.ID(), Name: record.Name, Size: consent.Uint64(cp.Size), Root: consent.Hash(cp.Root), Key: lk.public, //nolint:gosec // not negative
	}
	return info, info.writeLog(ctx, l.Log(), v, lk.signer, dst, progress)
}

// recordOf is the ledger's record of itself.
func recordOf(l network.Ledger) (g consent.Genesis, err error) {
	b, err := l.Get(consent.GenesisKey())
	if err == nil {
		err = consent.Decode(b, &g)
	}
	return g, err
}

// journal is the configuration of an export's log.
func (i *ExportInfo) journal(dir string) (journal.Config, error) {
	verifier, err := note.NewVerifier(i.Key)
	if err != nil {
		return journal.Config{}, fmt.Errorf("the log's key: %w", err)
	}
	return journal.Config{
		Dir: filepath.Join(dir, exportLog), AnchorPath: filepath.Join(dir, exportAnchor), Origin: embedded.Origin(i.Ledger), Verifier: verifier,
		SegmentBytes: exportSegment,
	}, nil
}

// exportRun is how many records are on their way to the disk at a time.
const exportRun = 4096

// writeLog writes the log again with messages that are not sealed. The leaves are the same, hence the root and, for the
// key signs without chance, the checkpoint.
func (i *ExportInfo) writeLog(ctx context.Context, from *journal.Log, v *vault.Vault, signer note.Signer, dir string, progress func(done, total int64)) (err error) {
	cfg, err := i.journal(dir)
	if err != nil {
		return err
	}
	cfg.Signer = signer
	if err := journal.Init(cfg); err != nil {
		return err
	}
	to, err := journal.Open(ctx, cfg)
	if err != nil {
		return err
	}
	var last *journal.Pending
	total := int64(i.Size) //nolint:gosec // came from an int64
	err = from.Scan(ctx, 0, total, func(k int64, r journal.Record) error {
		ev, err := embedded.EventAt(v, k, r)
		if err != nil {
			return err
		}
		if ev.Message != nil {
			i.Messages++
		} else {
			i.Erased++
		}
		rec := journal.Record{Leaf: bytes.Clone(r.Leaf), Attachment: embedded.Unsealed(ev.Message)}
		if last, err = to.Enqueue(rec, journal.EnqueueOptions{}); err != nil || (k+1)%exportRun != 0 {
			return err
		}
		if progress != nil {
			progress(k+1, total)
		}
		return last.Wait(ctx)
	})
	if err == nil {
		err = last.Wait(ctx)
	}
	if cp := to.Durable(); err == nil && consent.Hash(cp.Root) != i.Root {
		err = errors.New("the log changed while it was exported")
	}
	return errors.Join(err, to.Close())
}

// Export is an export that was verified.
type Export struct {
	ExportInfo

	Genesis    consent.Message `json:"-"`
	Record     consent.Genesis `json:"-"` // the ledger's record of itself at the closing
	Signatures consent.Uint64  `json:"signatures"`
	Bytes      int64           `json:"bytes,string"`

	dir    string
	state  state
	hashes stored
}

// stored are tree hashes in tlog's order.
type stored []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (s stored) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		if k >= int64(len(s)) {
			return nil, errors.New("a tree hash beyond the log")
		}
		out[i] = s[k]
	}
	return out, nil
}

// OpenExport verifies an export: every byte against the checkpoint, every signature and opening, what the contract writes
// for every message again, that what is missing is of erased subjects, and that the log ends with the closing. Nothing of
// it is taken on trust but the key in export.json: which log it was is for the authorities to say, who sign size and root.
// It keeps 64 bytes a leaf and some 500 a subject in memory. What is wrong is an ErrExport that names it.
func OpenExport(ctx context.Context, dir string, progress func(done, total int64)) (*Export, error) {
	e := &Export{dir: dir}
	if err := e.verify(ctx, progress); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExport, err)
	}
	return e, nil
}

func (e *Export) verify(ctx context.Context, progress func(done, total int64)) error {
	if err := e.readInfo(); err != nil {
		return err
	}
	var err error
	last := ""
	a := audit{ledger: e.Ledger, open: true, again: true, then: func(ev network.Event) error {
		last = ev.Event.Type
		h, err := tlog.StoredHashes(int64(ev.Position)-1, ev.Leaf.Marshal(), e.hashes) //nolint:gosec // far below 2^63
		e.hashes = append(e.hashes, h...)
		return err
	}}
	if e.Bytes, err = e.scan(ctx, a.each, progress); err != nil {
		return err
	}
	if err := a.end(); err != nil {
		return err
	}
	e.state = a.state
	if err := consent.Decode(a.state[consent.GenesisKey()], &e.Record); err != nil {
		return err
	}
	messages, erased := consent.Uint64(a.messages.Load()), consent.Uint64(a.erased.Load()) //nolint:gosec // counts
	e.Signatures = consent.Uint64(a.signatures.Load())                                     //nolint:gosec // a count
	switch {
	case last != "Close" || !e.Record.Closed:
		return errors.New("the log does not end with the closing of the ledger")
	case messages != e.Messages || erased != e.Erased || e.Name != e.Record.Name:
		return errors.New("export.json says something else than the log")
	}
	return nil
}

// readInfo reads what an export says of itself.
func (e *Export) readInfo() error {
	b, err := os.ReadFile(filepath.Join(e.dir, exportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no complete export", e.dir)
	}
	if err == nil && len(b) > maxExportInfo {
		err = errors.New("it is too large")
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err = d.Decode(&e.ExportInfo)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", exportFile, err)
	}
	if e.Version != exportVersion {
		return fmt.Errorf("it is of version %d; this program reads version %d", e.Version, exportVersion)
	}
	var id consent.Hash
	if e.Genesis, id, err = readGenesis(filepath.Join(e.dir, genesisFile)); err != nil {
		return err
	}
	if id != e.Ledger {
		return errors.New("the genesis is another ledger's")
	}
	return nil
}

// scan reads the log in full; each is called as journal.VerifyOptions says.
func (e *Export) scan(ctx context.Context, each func(int64, journal.Record) error, progress func(done, total int64)) (int64, error) {
	cfg, err := e.journal(e.dir)
	if err != nil {
		return 0, err
	}
	rep, err := journal.Verify(ctx, cfg, journal.VerifyOptions{Progress: progress, Each: each})
	switch {
	case err != nil:
		return 0, err
	case rep.Tail != 0:
		return 0, fmt.Errorf("%d records after the checkpoint", rep.Tail)
	case rep.Size != int64(e.Size) || consent.Hash(rep.Root) != e.Root: //nolint:gosec // compared only
		return 0, errors.New("export.json names another size or root than the checkpoint")
	}
	return rep.Bytes, nil
}

// Each calls fn for the leaves from position from+1 on, in order, with their messages. It reads and hashes all of the log
// again on the way.
func (e *Export) Each(ctx context.Context, from network.Position, fn func(network.Event) error) error {
	order := newSequence(func(_ int64, ev network.Event) error {
		if ev.Position <= from {
			return nil
		}
		return errors.Join(ctx.Err(), fn(ev))
	})
	_, err := e.scan(ctx, func(i int64, r journal.Record) error {
		ev, err := embedded.EventAt(nil, i, r)
		if err != nil {
			return err
		}
		return order.add(i, ev)
	}, nil)
	return err
}

// Prove is the RFC 6962 consistency proof from the tree of the first size leaves to the whole.
func (e *Export) Prove(size network.Position) ([]consent.Hash, error) {
	p, err := tlog.ProveTree(int64(e.Size), int64(size), e.hashes) //nolint:gosec // far below 2^63
	if err != nil {
		return nil, err
	}
	out := make([]consent.Hash, len(p))
	for i, h := range p {
		out[i] = consent.Hash(h)
	}
	return out, nil
}

// rootAt is the root of the first size leaves.
func (e *Export) rootAt(size int64) (consent.Hash, error) {
	h, err := tlog.TreeHash(size, e.hashes)
	return consent.Hash(h), err
}

// Opening is the message that the authorities sign so that another host may go on with the ledger.
func (e *Export) Opening(salt consent.Hash) *consent.Import {
	return &consent.Import{Seq: e.Record.Seq + 1, Size: e.Size, Root: e.Root, Salt: salt}
}

// Check refuses an Import that is not of this export, or that too few of its authorities signed.
func (e *Export) Check(m consent.Message) (consent.Verified, error) {
	v, err := consent.Verify(e.Ledger, m)
	if err != nil {
		return v, err
	}
	if _, ok := m.Body.(*consent.Import); !ok {
		return v, consent.Errorf(consent.Malformed, "a %s is no Import", consent.TypeOf(m.Body))
	}
	_, err = consent.Run(consent.Tx{ID: "check", Time: 1, Log: consent.Tree{Size: e.Size, Root: e.Root}}, e.state, v)
	return v, err
}
