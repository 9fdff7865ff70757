package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/volens-ledger/volens/gateway"
)

func (n *Node) serve(ctx context.Context) error {
	run, stop := context.WithCancel(context.Background())
	n.stop = stop
	go n.Gateway.Sweep(run)
	go n.upkeep(run, n.keeper)
	n.listenTo(n.Gateway, netutil.LimitListener(n.listener, n.cfg.Connections))
	if n.cfg.Debug == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(n.cfg.Debug)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("the debug listener %q is not on a loopback address", n.cfg.Debug)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.Debug)
	if err != nil {
		return fmt.Errorf("listen for debugging: %w", err)
	}
	n.listenTo(n.Gateway.Debug(), l)
	return nil
}

func (n *Node) listenTo(h http.Handler, l net.Listener) {
	s := gateway.Server(h, n.cfg.Log)
	n.servers = append(n.servers, s)
	go func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			select {
			case n.failed <- err:
			default:
			}
		}
	}()
}

// URL is where the node is served, as clients see it.
func (n *Node) URL() string { return n.url }

// Wait returns when ctx ends, or with an error when the node cannot go on: a listener failed, or storage did. A node whose
// storage failed must be started again, so that the disk says what is there.
func (n *Node) Wait(ctx context.Context) error {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-n.failed:
			return err
		case <-t.C:
			if err := n.fenced(); err != nil {
				return fmt.Errorf("storage failed, nothing is acknowledged any more: %w", err)
			}
		}
	}
}

// fenced is why nothing may be acknowledged any more. Whichever storage failed, all of the node stops: one log that goes on
// alone would promise what the others cannot keep.
func (n *Node) fenced() error {
	return errors.Join(n.Ledger.Log().Fenced(), failedHost(n.Ledger), n.Uses.Fenced(), n.Uses.Journal().Fenced(), n.Vault.Fenced(), n.Replica.Failed())
}

// Close stops serving and closes everything, newest first.
func (n *Node) Close(ctx context.Context) error {
	var errs []error
	if n.stop != nil {
		n.stop()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, s := range n.servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	if len(n.servers) == 0 && n.listener != nil {
		errs = append(errs, n.listener.Close())
	}
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers, n.servers = nil, nil
	return errors.Join(errs...)
}
