package journal_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/network/journal"
)

// TestWorkedExample keeps the package comment's example true.
func TestWorkedExample(t *testing.T) {
	rec := journal.Record{Leaf: []byte("hello"), Attachment: []byte("sealed")}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(doc), "//", "")), " ")
	header := hex.EncodeToString(journal.FormatHeader("example.org/ledger", 0))
	record := hex.EncodeToString(journal.AppendRecord(nil, 0, rec))
	leaf := tlog.RecordHash(rec.Leaf)
	cp, err := journal.CheckpointText(journal.Checkpoint{Size: 1, Root: leaf}, "example.org/ledger")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		header[:16], header[16:24], header[24:40], header[40:104], header[104:120], header[120:],
		record[:8], record[8:16], record[16:24], record[24:34], record[34:],
		hex.EncodeToString(leaf[:]), strings.Join(strings.Fields(cp), " "),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the example does not say %s", want)
		}
	}
	if t.Failed() {
		t.Log(fmt.Sprintln(header, record, leaf, cp))
	}
}
