package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/policies/minimise"
)

// capabilities answers with what the server can do, less what the proxy does not pass on. A server that does not say has its types
// left open.
func (x *exchange) capabilities() error {
	c, err := x.declared()
	if err != nil {
		return err
	}
	c["implementation"] = map[string]any{"description": "A FHIR server behind Volens: only what patients permit", "url": x.p.base}
	c["format"] = []string{"application/fhir+json"}
	for _, name := range withheldClaims {
		delete(c, name)
	}
	rests, _ := c["rest"].([]any) //nolint:errcheck // none
	for _, v := range rests {
		if rest, ok := v.(map[string]any); ok {
			prune(rest)
			rest["security"] = x.p.security()
		}
	}
	out, err := json.Marshal(c)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", fhirJSON)
	return x.write(bytes.ReplaceAll(out, []byte(x.p.upstream.String()), []byte(x.p.base)))
}

// declared is the server's CapabilityStatement, or the least that there is to say when it has none.
func (x *exchange) declared() (c map[string]any, err error) {
	body, err := x.get(x.act.path)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(body, maxEntry)).Decode(&c)
		_ = body.Close() //nolint:errcheck // only read
		if err == nil && text(c["resourceType"]) == "CapabilityStatement" {
			return c, nil
		}
	}
	if err != nil && !errors.Is(err, errAbsent) {
		return nil, errors.Join(errUpstream, err)
	}
	version := map[minimise.Version]string{minimise.R4: "4.0.1", minimise.R5: "5.0.0"}[x.p.cfg.Version]
	return map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "instance", "fhirVersion": version,
		"rest": []any{map[string]any{"mode": "server"}},
	}, nil
}

// offered are the interactions with a type that are passed on.
var offered = []string{"read", "vread", "update", "delete", "history-instance", "create", "search-type"}

// withheldClaims are of a CapabilityStatement what the proxy does not keep of a server's promises.
var withheldClaims = []string{"patchFormat", "messaging", "document", "instantiates", "imports"}

// prune takes out of what a server says of its REST interface what the proxy does not pass on.
func prune(rest map[string]any) {
	whole, _ := rest["interaction"].([]any) //nolint:errcheck // none
	together := []any{map[string]any{"code": "batch", "documentation": "At most 100 entries, each as if it came alone"}}
	if slices.ContainsFunc(whole, func(v any) bool { return codeOf(v) == "transaction" }) {
		together = append(together, map[string]any{
			"code": "transaction", "documentation": "At most 100 entries: changes, and reads by name of what is not changed, all or none. No searches, no conditions",
		})
	}
	rest["interaction"] = together
	for _, name := range []string{"operation", "compartment", "searchParam"} {
		delete(rest, name)
	}
	resources, _ := rest["resource"].([]any) //nolint:errcheck // none
	for _, v := range resources {
		if r, ok := v.(map[string]any); ok {
			pruneType(r)
		}
	}
}

// pruneType is prune for a type: no conditions, no operations but one, nothing created under a name that a client chose, and no
// parameter that is refused.
func pruneType(r map[string]any) {
	for _, name := range []string{"operation", "conditionalCreate", "conditionalUpdate", "conditionalDelete", "conditionalRead", "conditionalPatch", "referencePolicy"} {
		delete(r, name)
	}
	r["updateCreate"] = false
	interactions, _ := r["interaction"].([]any) //nolint:errcheck // none
	r["interaction"] = slices.DeleteFunc(interactions, func(v any) bool {
		return !slices.Contains(offered, codeOf(v))
	})
	if params, ok := r["searchParam"].([]any); ok {
		r["searchParam"] = slices.DeleteFunc(params, func(v any) bool {
			m, _ := v.(map[string]any) //nolint:errcheck // none
			name := text(m["name"])
			return strings.HasPrefix(name, "_") && !slices.Contains(general, name) && !slices.Contains(own, name)
		})
	}
	if text(r["type"]) == "Patient" {
		r["operation"] = []any{map[string]any{"name": "everything", "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything"}}
	}
}

func codeOf(v any) string {
	m, _ := v.(map[string]any) //nolint:errcheck // none
	return text(m["code"])
}

// security says how to sign in, in place of what the server says of itself.
func (p *Proxy) security() map[string]any {
	return map[string]any{
		"service": []any{map[string]any{"coding": []any{map[string]any{
			"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR",
		}}}},
		"extension": []any{map[string]any{
			"url":       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
			"extension": []any{map[string]any{"url": "token", "valueUri": p.cfg.Issuer + api.PathToken}},
		}},
		"description": "SMART Backend Services at the node behind this proxy, the header " + PurposeHeader + " with every request, and " + StudyHeader + " for studies.",
	}
}

// smart is the discovery document of SMART App Launch. Only backend services are offered: nobody signs in here as a patient, who sees
// her records at her wallet and permits by signed consents.
func (x *exchange) smart() error {
	out, err := json.Marshal(map[string]any{
		"issuer": x.p.cfg.Issuer, "token_endpoint": x.p.cfg.Issuer + api.PathToken,
		"grant_types_supported":                            []string{"client_credentials", assertion.GrantExchange},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256", "ES384", "RS384", "ES256K"},
		"scopes_supported":                                 []string{"system/*.cruds", "system/*.read", "system/*.write", "user/*.cruds"},
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-user", "permission-v1", "permission-v2"},
	})
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
	return x.write(out)
}
