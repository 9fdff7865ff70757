package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// metadata is the CapabilityStatement.
func (f fhirRelease) metadata(c *gin.Context) {
	number := "4.0.1"
	if f.version == fhir.R5 {
		number = "5.0.0"
	}
	code := func(cs ...string) (out []map[string]string) {
		for _, s := range cs {
			out = append(out, map[string]string{"code": s})
		}
		return out
	}
	params := func(pairs ...string) (out []map[string]string) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, map[string]string{"name": pairs[i], "type": pairs[i+1]})
		}
		return out
	}
	fhirAnswer(c, http.StatusOK, map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "instance", "fhirVersion": number,
		"format":         []string{fhirType},
		"software":       map[string]string{"name": "Volens", "version": f.g.cfg.Info.Version},
		"implementation": map[string]string{"description": f.g.cfg.Info.Name, "url": f.url()},
		"rest": []any{map[string]any{
			"mode": "server",
			"security": map[string]any{
				"service":     []any{map[string]any{"coding": []any{map[string]string{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}}}},
				"description": "Organisations: OAuth 2 client credentials with private_key_jwt. Patients: Sign-In with Ethereum (EIP-4361).",
			},
			"interaction": []any{
				map[string]string{"code": "batch", "documentation": "POST Consent and PUT Consent/[id]; what is read is asked for by itself"},
				map[string]string{"code": "transaction", "documentation": "the same; all entries are found to be in order before the first is written"},
			},
			"resource": []any{
				map[string]any{
					"type": "Consent", "interaction": code("read", "vread", "update", "create", "history-instance", "search-type"),
					"versioning": "versioned-update", "readHistory": true, "updateCreate": false,
					"searchParam": params("_id", "token", "identifier", "token", "patient", "reference", "status", "token", "date", "date"),
					"operation":   []any{map[string]string{"name": "decide", "definition": f.url() + "/OperationDefinition/Consent-decide"}},
				},
				map[string]any{
					"type": "AuditEvent", "interaction": code("read", "search-type"),
					"searchParam": params("_id", "token", "patient", "reference", "date", "date", "outcome", "token"),
				},
			},
		}},
	})
}

// smartConfiguration says how to sign in, as SMART App Launch and RFC 8414 have it. Only backend services are offered: a patient signs in
// with her own key and grants by signed messages, not by scopes.
func (g *Gateway) smartConfiguration(c *gin.Context) {
	answer(c, http.StatusOK, map[string]any{
		"issuer": g.cfg.Origin, "token_endpoint": g.cfg.Origin + api.PathToken, "response_types_supported": []string{},
		"grant_types_supported":                            []string{"client_credentials", assertion.GrantExchange},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256", "ES384", "RS384", "ES256K"},
		"scopes_supported":                                 []string{"custodian", "clinician", "researcher", "auditor"},
		"capabilities":                                     []string{"client-confidential-asymmetric"},
	})
}
