package gateway

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// App is what answers beside the routes: the files of an app for people. It sees only paths that no route's first part
// begins, holds no data, and sets its own headers.
type App interface {
	http.Handler
	// Has reports whether the app answers this request.
	Has(r *http.Request) bool
}

// elsewhere answers what no route does.
func (g *Gateway) elsewhere(c *gin.Context) {
	if a := g.cfg.App; a != nil && !g.ours[firstPart(c.Request.URL.Path)] && a.Has(c.Request) {
		a.ServeHTTP(c.Writer, c.Request)
		return
	}
	problem(c, consent.NotFound, "there is nothing here")
}

// firstParts are the first parts of the routes' paths: below them a page for people would hide a mistake.
func firstParts() map[string]bool {
	parts := map[string]bool{}
	for _, r := range api.Routes() {
		parts[firstPart(r.Path)] = true
	}
	return parts
}

func firstPart(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}
