package node

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/net/netutil"

	"github.com/volens-ledger/volens/gateway/fhir/proxy"
)

// Front puts the node in front of a FHIR server: it listens on another address and lets through what patients permit. cfg names the
// server; its Base is where clients find the proxy, by default where it listens. It returns that. Close ends it with the node.
func (n *Node) Front(ctx context.Context, listen string, cfg proxy.Config) (base string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", fmt.Errorf("listen for FHIR: %w", err)
	}
	if cfg.Base == "" {
		cfg.Base = "http://" + l.Addr().String()
	}
	p, err := n.Gateway.FHIRProxy(cfg)
	if err != nil {
		return "", fmt.Errorf("front a FHIR server: %w", closing(l, err))
	}
	n.listenTo(p, netutil.LimitListener(l, n.cfg.Connections))
	return cfg.Base, nil
}

func closing(l net.Listener, err error) error {
	if cerr := l.Close(); cerr != nil {
		return fmt.Errorf("%w (%w)", err, cerr)
	}
	return err
}
