package launchtest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Link passes bytes on between a gateway and a peer or orderer, until it is cut.
type Link struct {
	listen net.Listener
	target string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

// Links are a gateway's, by the address that each leads to.
type Links map[string]*Link

// Apart is a copy of a connection profile whose gateway reaches these addresses through links of its own, so that it can be
// cut off from each without disturbing anybody else.
func Apart(t testing.TB, profile string, addresses ...string) (path string, links Links) {
	t.Helper()
	b, err := os.ReadFile(profile) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	text, links := string(b), Links{}
	for _, address := range addresses {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		k := &Link{listen: l, target: address}
		go k.serve()
		t.Cleanup(func() { shut(l); k.Cut(true) })
		text = strings.ReplaceAll(text, address, l.Addr().String())
		links[address] = k
	}
	path = filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, links
}

// Cut cuts all links, or joins them again.
func (ls Links) Cut(cut bool) {
	for _, l := range ls {
		l.Cut(cut)
	}
}

func (l *Link) serve() {
	for {
		in, err := l.listen.Accept()
		if err != nil {
			return
		}
		out, err := new(net.Dialer).Dial("tcp", l.target)
		if err != nil {
			shut(in)
			continue
		}
		l.mu.Lock()
		if l.cut {
			shut(in, out)
		} else {
			l.conns = append(l.conns, in, out)
			go pass(out, in)
			go pass(in, out)
		}
		l.mu.Unlock()
	}
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) //nolint:errcheck // however it ends
	shut(to)
}

func shut(conns ...io.Closer) {
	for _, c := range conns {
		_ = c.Close() //nolint:errcheck // it is closed then
	}
}

// Cut ends every connection and refuses new ones, or lets them through again.
func (l *Link) Cut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.conns {
			shut(c)
		}
		l.conns = nil
	}
}
