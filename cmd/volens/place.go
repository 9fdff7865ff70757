package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/wallet/cli"
)

// place is the flags that say where a node is.
type place struct{ dir, anchors, keys string }

func (p *place) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&p.dir, "data", os.Getenv("VOLENS_DATA"), "folder of the node: DIR/data, DIR/anchors and DIR/keys")
	f.StringVar(&p.anchors, "anchors", "", "folder of the anchors, better on another volume (default DIR/anchors)")
	f.StringVar(&p.keys, "keys", "", "folder of the keys, better on another volume (default DIR/keys)")
}

func (p *place) paths() (node.Paths, error) {
	if p.dir == "" {
		return node.Paths{}, cli.Usage("--data names the folder of the node")
	}
	paths := node.Under(p.dir)
	if p.anchors != "" {
		paths.Anchors = p.anchors
	}
	if p.keys != "" {
		paths.Keys = p.keys
	}
	return paths, nil
}

// show writes v as one line of JSON, or the lines that text gives.
func show(c *cobra.Command, asJSON bool, v any, text ...string) error {
	out := c.OutOrStdout()
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	_, err := fmt.Fprintln(out, strings.Join(text, "\n"))
	return err
}

// bar shows how far long work is, on a terminal. It is safe for concurrent use.
type bar struct {
	out io.Writer // nil: nobody looks

	mu    sync.Mutex
	what  string
	drawn time.Time
	began time.Time
}

func newBar(c *cobra.Command) *bar {
	f, ok := c.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return &bar{out: f}
}

const barWidth = 30

// step draws how much of what is done, ten times a second at most. Work that takes less than half a second shows nothing.
func (b *bar) step(what string, done, total int64) {
	if b.out == nil || total <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.what != what {
		b.what, b.began = what, now
	}
	if now.Sub(b.began) < time.Second/2 || now.Sub(b.drawn) < time.Second/10 && done < total {
		return
	}
	b.drawn = now
	full := int(done * barWidth / total)
	_, _ = fmt.Fprintf(b.out, "\r%-8s [%s%s] %3d %%", what, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), done*100/total) //nolint:errcheck // a picture
}

// clear takes the bar away.
func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out != nil && !b.drawn.IsZero() {
		_, _ = fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", barWidth+20)) //nolint:errcheck // a picture
		b.drawn = time.Time{}
	}
}
