package gateway

import "github.com/volens-ledger/volens/gateway/fhir/proxy"

// FHIRProxy returns a proxy in front of the custodian's FHIR server that decides as this gateway does, with the same sign-in and
// the same use log. cfg says where the server is; what the gateway has is filled in here. Patient/<id> is the subject whose local
// record is <id>.
func (g *Gateway) FHIRProxy(cfg proxy.Config) (*proxy.Proxy, error) {
	cfg.Issuer = g.cfg.Origin
	cfg.Needs, cfg.Version = g.cfg.Needs, g.cfg.Version
	cfg.Auth, cfg.Access, cfg.Pseudonyms, cfg.Handle, cfg.Log = g.cfg.Auth, g.access, g.cfg.Pseudonyms, g.links.handle, g.cfg.Log
	return proxy.New(cfg)
}
