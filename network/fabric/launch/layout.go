package launch

import (
	"fmt"
	"strings"
)

// Org is an organisation with a peer.
type Org struct {
	Name   string // Trust
	MSP    string // TrustMSP
	Domain string // trust.volens.localhost
	at     int    // its place in Orgs
}

// Orgs are the organisations, in order: the patients' trust, which endorses with every custodian; a hospital, which is a
// custodian; the regulator, which helps the trust to carry withdrawals that a hospital does not.
func Orgs() []Org {
	var orgs []Org
	for i, name := range []string{"Trust", "Hospital", "Regulator"} {
		orgs = append(orgs, Org{Name: name, MSP: name + "MSP", Domain: lower(name) + ".volens.localhost", at: i})
	}
	return orgs
}

const (
	ordererCount  = 3
	ordererMSP    = "OrdererMSP"
	ordererDomain = "orderer.volens.localhost"
	admin         = "admin"   // operators
	gatewayUser   = "gateway" // what a gateway signs transactions as
)

func orgNamed(name string) (Org, bool) {
	for _, o := range Orgs() {
		if o.Name == name {
			return o, true
		}
	}
	return Org{}, false
}

func lower(name string) string { return strings.ToLower(name) }

// Ports: three for each orderer, then four for each organisation.

func (n *Network) ordererAddress(i int) string    { return n.address(3 * i) }
func (n *Network) ordererAdmin(i int) string      { return n.address(3*i + 1) }
func (n *Network) ordererOperations(i int) string { return n.address(3*i + 2) }

func (n *Network) peerAddress(o Org) string    { return n.address(9 + 4*o.at) }
func (n *Network) peerChaincode(o Org) string  { return n.address(10 + 4*o.at) }
func (n *Network) peerOperations(o Org) string { return n.address(11 + 4*o.at) }
func (n *Network) serverAddress(o Org) string  { return n.address(12 + 4*o.at) }

// Folders of the certificates, as Fabric's own tools lay them out.

func (n *Network) ordererDir(i int) string {
	return n.path("crypto", "ordererOrganizations", ordererDomain, "orderers", fmt.Sprintf("o%d", i+1))
}

func (n *Network) orgDir(o Org) string { return n.path("crypto", "peerOrganizations", o.Domain) }

func (n *Network) peerDir(o Org) string {
	return n.path("crypto", "peerOrganizations", o.Domain, "peers", "peer0")
}

func (n *Network) userDir(o Org, user string) string {
	return n.path("crypto", "peerOrganizations", o.Domain, "users", user)
}

func (n *Network) ordererCA() string {
	return n.path("crypto", "ordererOrganizations", ordererDomain, "msp", "tlscacerts", "tlsca.pem")
}

// Names of processes.

func ordererName(i int) string { return fmt.Sprintf("o%d", i+1) }
func peerName(o Org) string    { return "peer-" + lower(o.Name) }
func serverName(o Org) string  { return "cc-" + lower(o.Name) }
func metricsName(ch string) string {
	return `gossip_membership_total_peers_known{channel="` + ch + `"} `
}
