package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/gateway/fhir"
)

// importBatch is how many consents go in one request, importers how many requests are under way at once.
const (
	importBatch = 250
	importers   = 4
	maxLine     = 4 << 20
)

// imported counts what became of consents. It is what `consent import` prints.
type imported struct {
	New      int     `json:"imported"` // entered on the ledger
	There    int     `json:"there"`    // in force already
	Refused  int     `json:"refused"`
	Warnings int     `json:"warnings"` // of which something was not mapped
	Seconds  float64 `json:"seconds"`
}

func (i imported) all() int { return i.New + i.There + i.Refused }

// found is a Consent in a file.
type found struct {
	where string
	raw   json.RawMessage
}

func (a *app) consentImport() *cobra.Command {
	c := &cobra.Command{
		Use: "import FILE|DIR...", Short: "For custodians: enter the FHIR Consents that you have", Args: cobra.MinimumNArgs(1),
		Long: `Enter FHIR Consents, R4 or R5, that patients did not sign here: files with one, a Bundle, a list, or one a line (.ndjson), and
folders of them. The custodian signs for each; it is shown as the custodian's word until the patient confirms it. The patient
is the one whose record was opened under the id in Patient/id, or under system|value of an identifier.

What is refused is told with its reason, and the others go on; then it ends with 1. A consent that is in force already is not
entered again, so an import that stopped can simply be repeated. --strict refuses consents of which anything but words for
people is not mapped. --open opens a handle for each patient who has none; "volens custodian code" makes the invitation when she
wants to claim it.`,
		Example: `  volens consent import --member city-hospital --key city.key consents/
  volens consent import --member city-hospital --key city.key --open export.ndjson`,
	}
	strict := c.Flags().Bool("strict", false, "refuse what is not mapped whole")
	open := c.Flags().Bool("open", false, "open a handle for each patient who has none")
	c.RunE = func(c *cobra.Command, args []string) error {
		m, err := a.memberClient()
		if err != nil {
			return err
		}
		in := &importing{m: m, strict: *strict}
		if *open {
			in.opened = map[string]bool{}
		}
		out, err := a.importAll(c.Context(), in, args)
		if err != nil {
			return err
		}
		if err := a.show(out, func(w io.Writer) {
			printf(w, "%d imported, %d there already, %d refused, %d with something that is not kept; %.0f a second\n",
				out.New, out.There, out.Refused, out.Warnings, float64(out.all())/max(out.Seconds, 0.001))
		}); err != nil {
			return err
		}
		if out.Refused > 0 {
			return fmt.Errorf("%d consents were refused", out.Refused)
		}
		return nil
	}
	a.memberFlags(c)
	return c
}

// importAll sends what is in the paths, in batches, several at once. The first error that is not about one consent ends it.
func (a *app) importAll(ctx context.Context, in *importing, paths []string) (imported, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	began := a.Now()
	var sum imported
	var mu sync.Mutex
	count := func(more imported, notes []string) {
		mu.Lock()
		defer mu.Unlock()
		was := sum.all() / 5000
		sum.New, sum.There = sum.New+more.New, sum.There+more.There
		sum.Refused, sum.Warnings = sum.Refused+more.Refused, sum.Warnings+more.Warnings
		for _, n := range notes {
			printf(a.Err, "%s\n", n)
		}
		if n := sum.all(); n/5000 > was {
			printf(a.Err, "%d consents, %.0f a second\n", n, float64(n)/max(a.Now().Sub(began).Seconds(), 0.001))
		}
	}
	batches := make(chan []found)
	var wait sync.WaitGroup
	for range importers {
		wait.Go(func() {
			for b := range batches {
				more, notes, err := in.some(ctx, b)
				if err != nil {
					stop(err)
				}
				count(more, notes)
			}
		})
	}
	err := batched(ctx, paths, batches)
	close(batches)
	wait.Wait()
	sum.Seconds = a.Now().Sub(began).Seconds()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return sum, err
}

// batched reads files and hands out what is in them.
func batched(ctx context.Context, paths []string, to chan<- []found) error {
	var batch []found
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		select {
		case to <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, path := range paths {
		err := eachFile(path, func(file string) error {
			return eachConsent(file, func(f found) error {
				if batch = append(batch, f); len(batch) < importBatch {
					return nil
				}
				return send()
			})
		})
		if err != nil {
			return err
		}
	}
	return send()
}

// eachFile is the file itself, or every .json and .ndjson file below a folder, in order of name.
func eachFile(path string, fn func(string) error) error {
	return filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		switch ext := filepath.Ext(at); {
		case err != nil:
			return Usage("%w", err)
		case d.IsDir() || at != path && ext != ".json" && ext != ".ndjson":
			return nil
		}
		return fn(at)
	})
}

// eachConsent reads the Consents of a file: one a line, or one document.
func eachConsent(path string, fn func(found) error) error {
	f, err := os.Open(path) //nolint:gosec // the person names it
	if err != nil {
		return Usage("%w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	if filepath.Ext(path) != ".ndjson" {
		raw, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		return inDocument(path, raw, fn)
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := fn(found{path + ":" + strconv.Itoa(n), bytes.Clone(line)}); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// inDocument finds the Consents in a document: itself, the items of a list, the entries of a Bundle. Other resources of a
// Bundle are not looked at.
func inDocument(path string, raw []byte, fn func(found) error) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		var b struct {
			ResourceType string
			Entry        []struct{ Resource json.RawMessage }
		}
		if json.Unmarshal(raw, &b) != nil || b.ResourceType != "Bundle" {
			return fn(found{path, raw})
		}
		for _, e := range b.Entry {
			if fhir.Is(e.Resource) {
				list = append(list, e.Resource)
			}
		}
	}
	for i, one := range list {
		if err := fn(found{path + "[" + strconv.Itoa(i) + "]", one}); err != nil {
			return err
		}
	}
	return nil
}
