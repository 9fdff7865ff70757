package gateway

import (
	"maps"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies/minimise"
)

// handlers gives every row of the route table its handler.
func (g *Gateway) handlers() map[string]gin.HandlerFunc {
	get, post := "GET ", "POST "
	table := map[string]gin.HandlerFunc{
		get + "/healthz":                           healthz,
		get + "/readyz":                            g.readyz,
		get + "/openapi.json":                      g.openAPI,
		get + "/.well-known/authzen-configuration": g.authzenConfiguration,
		get + "/.well-known/smart-configuration":   g.smartConfiguration,
		get + api.PathMetadata:                     g.smartConfiguration,
		get + api.PathPurposes:                     g.purposes,
		get + api.PathLedger:                       g.ledger,
		post + api.PathCheckpoint:                  g.ledgerCheckpoint,
		post + api.PathAnchor:                      g.anchor,
		get + api.PathMembers:                      g.members,
		post + api.PathChallenge:                   g.challenge,
		post + api.PathSignIn:                      g.signIn,
		post + api.PathToken:                       g.token,
		get + api.PathSession:                      g.session,
		post + api.PathLogout:                      g.logout,
		post + api.PathClaims:                      g.claim,
		post + api.PathMessages:                    g.message,
		post + api.PathReceipts:                    g.receipt,
		get + api.PathMe:                           g.me,
		get + api.PathConsents:                     g.consents,
		post + api.PathEvidence:                    g.evidence,
		get + api.PathRequests:                     g.requests,
		post + api.PathPreview:                     g.preview,
		post + api.PathUses:                        g.uses,
		get + api.PathUsesCSV:                      g.usesCSV,
		get + api.PathUsesJSON:                     g.usesJSON,
		get + api.PathNotices:                      g.stream,
		get + api.PathDocuments:                    g.documents,
		post + api.PathDocuments:                   g.deposit,
		post + api.PathDocumentRead:                g.readDocument,
		post + api.PathDocumentRemove:              g.removeDocument,
		post + api.PathAccess:                      g.decide,
		post + api.PathAccessBatch:                 g.decideBatch,
		post + api.PathFetch:                       g.fetch,
		post + api.PathAsk:                         g.ask,
		post + api.PathAskedFor:                    g.askedFor,
		post + api.PathEvaluation:                  g.evaluation,
		post + api.PathEvaluations:                 g.evaluations,
		post + api.PathSubjects:                    g.enrol,
		post + api.PathSearch:                      g.search,
		post + api.PathCode:                        g.recode,
		post + api.PathPseudonyms:                  g.pseudonym,
		post + api.PathAttest:                      g.attest,
		post + api.PathErase:                       g.erase,
		post + api.PathAnchorNow:                   g.anchorNow,
		post + api.PathAuditUses:                   g.auditUses,
		post + api.PathReplay:                      g.replay,
		get + "/tlog/:log/checkpoint":              g.checkpoint,
		get + "/tlog/:log/tile/*tile":              g.tile,
	}
	maps.Copy(table, g.fhirHandlers())
	return table
}

func healthz(c *gin.Context) { answer(c, http.StatusOK, struct{}{}) }

func (g *Gateway) readyz(c *gin.Context) {
	r := api.Ready{Ready: true, Position: g.cfg.Replica.Position(), Uses: consent.Uint64(g.cfg.Uses.Count())} //nolint:gosec // not negative
	if err := g.cfg.Replica.Fresh(); err != nil {
		r.Ready, r.Why = false, "the replica is behind the ledger"
	}
	if g.broken() {
		r.Ready, r.Why = false, "storage failed; nothing can be put on record"
	}
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	answer(c, status, r)
}

func (g *Gateway) openAPI(c *gin.Context) { c.Data(http.StatusOK, "application/json", g.openapi) }

func (g *Gateway) ledger(c *gin.Context) {
	info := g.cfg.Info
	info.Genesis, info.Position = g.cfg.Genesis, g.cfg.Ledger.Position()
	answer(c, http.StatusOK, info)
}

// purposes is the table by which answers are minimised. It is the custodian's choice, so everybody can read it.
func (g *Gateway) purposes(c *gin.Context) {
	table := g.cfg.Needs
	if table == nil {
		table = minimise.Everything()
	}
	answer(c, http.StatusOK, table)
}

func (g *Gateway) members(c *gin.Context) {
	answer(c, http.StatusOK, api.Members{Members: g.cfg.Replica.Members(), Messages: g.cfg.Replica.MemberMessages()})
}

// receipt looks a message up.
func (g *Gateway) receipt(c *gin.Context) {
	var q api.ReceiptQuery
	if !decode(c, &q) {
		return
	}
	r, err := g.cfg.Ledger.Lookup(c.Request.Context(), q.Commitment)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, r)
}
