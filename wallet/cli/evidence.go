package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
)

// EvidenceFormat is the first member of a file of evidence.
const EvidenceFormat = "volens-evidence/1"

// Evidence is what an auditor saves from the app to check it offline, or to hand it on: both logs whole, as their entry
// tiles (C2SP tlog-tiles) with a signed checkpoint, and the uses that it is about.
type Evidence struct {
	Format  string                 `json:"format"`
	Saved   consent.Millis         `json:"saved"`
	Logs    map[string]EvidenceLog `json:"logs"` // uses, ledger
	Uses    []api.AuditUse         `json:"uses"`
	Replays []api.Replay           `json:"replays"`
}

// EvidenceLog is one log.
type EvidenceLog struct {
	Origin     string            `json:"origin"`
	Key        string            `json:"key"`        // verifier key, C2SP signed-note
	Checkpoint string            `json:"checkpoint"` // C2SP tlog-checkpoint
	Tiles      map[string][]byte `json:"tiles"`      // by path, e.g. entries/000.p/17
}

// Checkpoint and Tile make a file what a gateway is to a check.
func (e Evidence) Checkpoint(_ context.Context, log string) ([]byte, error) {
	l, ok := e.Logs[log]
	if !ok {
		return nil, fmt.Errorf("%w: the evidence holds no log %q", proof.ErrRefused, log)
	}
	return []byte(l.Checkpoint), nil
}

// Tile implements the source of a check.
func (e Evidence) Tile(_ context.Context, log, tile string) ([]byte, error) {
	b, ok := e.Logs[log].Tiles[tile]
	if !ok {
		return nil, fmt.Errorf("%w: the evidence holds no %s of log %q", proof.ErrRefused, tile, log)
	}
	return b, nil
}

var _ tileSource = Evidence{}

// isEvidence tells evidence from other files.
func isEvidence(b []byte) bool {
	var f struct {
		Format string `json:"format"`
	}
	return json.Unmarshal(b, &f) == nil && f.Format == EvidenceFormat
}

// EvidenceReport is what the check of evidence has proved.
type EvidenceReport struct {
	Uses    LogReport `json:"uses"`
	Ledger  LogReport `json:"ledger"`
	Listed  int       `json:"listed"`  // uses that it lists, each found in the log
	Replays int       `json:"replays"` // decisions made again, as the gateway told the auditor
	LogKey  string    `json:"logKey"`  // of the ledger
	Pinned  bool      `json:"pinned"`  // the key is the one that was given with --log-key
}

// CheckEvidence checks a file of evidence offline: both logs hash to their signed checkpoints, every subject's uses are
// numbered without a gap, the ledger's anchors of the use log hold, and each use that it lists is at its place in the log.
// What a listed use says beyond number and minute is the word of the gateway: the log commits to it, and only the patient's
// wallet and a replay open it.
func CheckEvidence(ctx context.Context, b []byte) (EvidenceReport, error) {
	var e Evidence
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return EvidenceReport{}, fmt.Errorf("%w: read the evidence: %w", proof.ErrRefused, err)
	}
	ledger, uses := e.Logs["ledger"], e.Logs["uses"]
	r := EvidenceReport{Listed: len(e.Uses), Replays: len(e.Replays), LogKey: ledger.Key}
	l := logCheck{client: e, name: "ledger", key: ledger.Key, origin: ledger.Origin, anchors: proof.Anchors{}, anchored: uses.Origin}
	var err error
	if r.Ledger, err = l.run(ctx); err != nil {
		return r, fmt.Errorf("the ledger: %w", err)
	}
	at := map[consent.Uint64]api.AuditUse{}
	for _, u := range e.Uses {
		at[u.Index] = u
	}
	found := 0
	k := logCheck{client: e, name: "uses", key: uses.Key, origin: uses.Origin, anchors: l.anchors, leaf: func(i int64, leaf proof.Leaf) error {
		u, listed := at[consent.Uint64(i)] //nolint:gosec // not negative
		if !listed {
			return nil
		}
		found++
		if u.UseSeq != leaf.UseSeq || proof.MinuteOf(u.Time) != leaf.Minute {
			return fmt.Errorf("%w: the log has another use there than the list", proof.ErrRefused)
		}
		return nil
	}}
	if r.Uses, err = k.run(ctx); err != nil {
		return r, fmt.Errorf("the log of uses: %w", err)
	}
	if found != len(at) || len(at) != len(e.Uses) {
		return r, fmt.Errorf("%w: %d of the %d uses listed are in the log", proof.ErrRefused, found, len(e.Uses))
	}
	return r, nil
}

func (a *app) verifyEvidence(c *cobra.Command, b []byte, key string) error {
	r, err := CheckEvidence(c.Context(), b)
	if err != nil {
		return &exitError{code: ProofCode, err: err}
	}
	if key != "" && key != r.LogKey {
		return &exitError{code: ProofCode, err: fmt.Errorf("%w: its ledger's key is %s", proof.ErrRefused, r.LogKey)}
	}
	r.Pinned = key != ""
	return a.show(r, func(out io.Writer) {
		printf(out, "the evidence holds\n")
		printf(out, "  log of uses: %d entries, root %s\n", r.Uses.Size, r.Uses.Root)
		printf(out, "    %d subjects; every chain is whole, the ledger's anchors hold up to use %d\n", r.Uses.Slots, r.Uses.Anchored)
		printf(out, "  ledger: %d records, root %s\n", r.Ledger.Size, r.Ledger.Root)
		printf(out, "  %d uses listed, each at its place in the log; %d decisions made again\n", r.Listed, r.Replays)
		printf(out, "the ledger's log signs as\n  %s\n", wallet.Escape(r.LogKey))
		if !r.Pinned {
			printf(out, "Compare that key with the one you know: who makes a ledger of his own can make evidence of it.\n")
		}
	})
}

// SaveEvidence gathers evidence from a gateway, as the app does.
func SaveEvidence(ctx context.Context, source tileSource, l api.Ledger, now time.Time, uses []api.AuditUse) (Evidence, error) {
	e := Evidence{Format: EvidenceFormat, Saved: consent.Millis(now.UnixMilli()), Logs: map[string]EvidenceLog{}, Uses: uses, Replays: []api.Replay{}}
	logs := map[string]EvidenceLog{"uses": {Origin: l.UsesOrigin, Key: l.UsesKey}, "ledger": {Origin: l.Origin, Key: l.Key}}
	for _, name := range []string{"ledger", "uses"} { // so that the uses are not fewer than the newest anchor says
		k := logs[name]
		keep := &recorder{tileSource: source, tiles: map[string][]byte{}}
		check := logCheck{client: keep, name: name, key: k.Key, origin: k.Origin}
		r, err := check.run(ctx)
		if err != nil {
			return e, err
		}
		k.Checkpoint, k.Tiles = r.Checkpoint, keep.tiles
		e.Logs[name] = k
	}
	return e, nil
}

// recorder keeps the tiles that a check has read.
type recorder struct {
	tileSource
	tiles map[string][]byte
}

func (r *recorder) Tile(ctx context.Context, log, tile string) ([]byte, error) {
	b, err := r.tileSource.Tile(ctx, log, tile)
	if err == nil {
		r.tiles[tile] = b
	}
	return b, err
}
