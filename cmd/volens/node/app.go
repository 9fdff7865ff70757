package node

import (
	"log/slog"
	"strings"

	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/wallet/web"
)

// app is the wallet app that this binary was built with. Its hash goes to the log, so that an operator can tell which app
// people get, and compare it with a build of his own.
func (n *Node) app() (gateway.App, error) {
	a, err := web.New(web.Options{TLS: strings.HasPrefix(n.url, "https://"), Trust: n.cfg.Trust})
	if err != nil {
		return nil, err
	}
	if n.cfg.Log != nil {
		n.cfg.Log.Info("wallet app", slog.String("build", a.Hash()), slog.Bool("there", a.Hash() != ""))
	}
	return a, nil
}
