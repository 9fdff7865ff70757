package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/network/journal"
)

// How often a node looks after itself.
const (
	tuneEvery   = time.Second
	anchorEvery = time.Minute      // the use log's checkpoint goes on the ledger, if it has grown; Config.AnchorEvery
	rotateEvery = 10 * time.Minute // erasures are completed
	scrubEvery  = 24 * time.Hour   // every record is read once, to meet bit rot before a reader does
	scrubPace   = int64(16 << 20)  // bytes a second
)

// heapRoom is how much the heap may grow between collections at least. A small node then collects seldom; a node with a
// million subjects in memory collects when its heap has grown by half.
const heapRoom = 256 << 20

// tuneGC sets the collector's percentage by the live heap.
func tuneGC() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	live := max(sample[0].Value.Uint64(), 1<<20)
	debug.SetGCPercent(int(min(max(heapRoom*100/live, 50), 800))) //nolint:gosec // 50 to 800
}

// upkeep runs until ctx ends. What fails is logged and tried again next time: none of it is on anybody's path.
func (n *Node) upkeep(ctx context.Context, c *gateway.Custodian) {
	anchor, rotate, scrub := time.NewTicker(cmp.Or(n.cfg.AnchorEvery, anchorEvery)), time.NewTicker(rotateEvery), time.NewTicker(scrubEvery)
	tune := time.NewTicker(tuneEvery)
	defer tune.Stop()
	defer anchor.Stop()
	defer rotate.Stop()
	defer scrub.Stop()
	for {
		var err error
		what := ""
		select {
		case <-ctx.Done():
			return
		case <-tune.C:
			tuneGC()
		case <-anchor.C:
			what, err = "anchor the use log", n.Anchor(ctx, c)
		case <-rotate.C:
			if n.Vault.Pending() > 0 {
				what, err = "complete erasures", n.Vault.Rotate(ctx)
			}
		case <-scrub.C:
			go n.scrub(ctx)
		}
		if err != nil && ctx.Err() == nil {
			n.cfg.Log.ErrorContext(ctx, "upkeep", slog.String("what", what), slog.String("error", err.Error()))
		}
	}
}

// Anchor puts the use log's newest checkpoint on the ledger, so that the log cannot show anybody another history. It does
// nothing when the checkpoint is there already, or when the node has no custodian to sign it.
func (n *Node) Anchor(ctx context.Context, c *gateway.Custodian) error {
	if c == nil {
		return nil
	}
	cp := n.Uses.Journal().Durable()
	b, err := n.Ledger.Get(consent.AnchorKey(c.Member))
	if err != nil {
		return err
	}
	var old consent.Anchored
	if b != nil {
		if err := consent.Decode(b, &old); err != nil {
			return err
		}
	}
	if cp.Size == 0 || uint64(cp.Size) == uint64(old.Size) { //nolint:gosec // not negative
		return nil
	}
	body := &consent.Anchor{
		Member: c.Member, Origin: UsesOrigin(n.Ledger.ID()), Size: consent.Uint64(cp.Size), Root: consent.Hash(cp.Root), //nolint:gosec // not negative
	}
	_, _ = rand.Read(body.Salt[:]) //nolint:errcheck // never fails (crypto/rand)
	m := consent.Message{Body: body}
	if err := m.Sign(n.Ledger.ID(), c.Key); err != nil {
		return err
	}
	v, err := consent.Verify(n.Ledger.ID(), m)
	if err != nil {
		return err
	}
	_, err = n.Ledger.Submit(ctx, v)
	return err
}

func (n *Node) scrub(ctx context.Context) {
	for name, l := range map[string]*journal.Log{"ledger": n.Ledger.Log(), "uses": n.Uses.Journal()} {
		if err := l.Scrub(ctx, journal.ScrubOptions{BytesPerSecond: scrubPace}); err != nil && ctx.Err() == nil {
			n.cfg.Log.ErrorContext(ctx, "scrub: a record is damaged; restore it from a backup", slog.String("log", name), slog.String("error", err.Error()))
		}
	}
}
