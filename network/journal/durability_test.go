package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/network/journal"
)

// zeros is a source of a key that the writer and the checker share.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestDurability is the writer or the checker of a durability trial run from outside (power cut, kill, failing sync), on
// the folder JOURNAL_DIR: with JOURNAL_ROLE=write it appends until it is stopped and prints "ACK i" for each durable
// record, "NACK" for each refused; with JOURNAL_ROLE=check it demands each record acknowledged in the file JOURNAL_ACKS.
func TestDurability(t *testing.T) {
	role := os.Getenv("JOURNAL_ROLE")
	if role == "" {
		t.Skip("JOURNAL_ROLE is not set: this is half of a trial run from outside")
	}
	skey, vkey, err := note.GenerateKey(zeros{}, "journal.example/trial")
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("JOURNAL_DIR")
	cfg := journal.Config{Dir: filepath.Join(dir, "data"), AnchorPath: filepath.Join(dir, "anchor"), Origin: "journal.example/trial", SegmentBytes: 64 << 10}
	if cfg.Signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if cfg.Verifier, err = note.NewVerifier(vkey); err != nil {
		t.Fatal(err)
	}
	if role == "check" {
		checkTrial(t, cfg, os.Getenv("JOURNAL_ACKS"))
		return
	}
	limit, err := strconv.Atoi(os.Getenv("JOURNAL_LIMIT"))
	if err != nil {
		limit = 1 << 30
	}
	if err := journal.Init(cfg); err != nil && !errors.Is(err, journal.ErrExists) {
		t.Fatal(err)
	}
	writeTrial(t, reopen(t, cfg), limit)
}

// writeTrial keeps up to 32 records on their way and reports them in the order of their numbers, so that a line "ACK"
// after a line "NACK" can only come from the journal.
func writeTrial(t *testing.T, l *journal.Log, limit int) {
	t.Helper()
	type outcome struct {
		p   *journal.Pending
		err error
	}
	queued := make(chan outcome, 32)
	go func() {
		defer close(queued)
		for range limit {
			p, err := l.Enqueue(journal.Record{Leaf: []byte("trial"), Attachment: make([]byte, 300)}, journal.EnqueueOptions{})
			queued <- outcome{p, err}
		}
	}()
	for o := range queued {
		err := o.err
		if err == nil {
			err = o.p.Wait(t.Context())
		}
		if err != nil {
			fmt.Println("NACK", err)
			continue
		}
		fmt.Println("ACK", o.p.Index())
	}
}

func checkTrial(t *testing.T, cfg journal.Config, acks string) {
	t.Helper()
	newest := int64(-1)
	f, err := os.Open(acks)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if n, ok := strings.CutPrefix(s.Text(), "ACK "); ok {
			if i, err := strconv.ParseInt(n, 10, 64); err == nil {
				newest = max(newest, i)
			}
		}
	}
	l, err := journal.Open(t.Context(), cfg)
	if err != nil && newest < 0 {
		return // stopped before there was a journal
	}
	if err != nil {
		t.Fatal(err)
	}
	size := l.Durable().Size
	if size <= newest {
		t.Fatalf("record %d was acknowledged, %d are left", newest, size)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("size=%d root=%v acked=%d\n", rep.Checkpoint.Size, rep.Checkpoint.Root, newest+1)
}
