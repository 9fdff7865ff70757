package launch

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

// endpoint is an address in the forms that configuration files want it in.
type endpoint struct{ Address, Host, Port, Cert string }

func newEndpoint(address, cert string) endpoint {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err) // addresses are made by Network.address
	}
	return endpoint{address, host, port, cert}
}

// orgView is an organisation as templates see it.
type orgView struct {
	Org
	endpoint

	Dir, CA, Users string
}

func (n *Network) orgViews() []orgView {
	var views []orgView
	for _, o := range Orgs() {
		views = append(views, orgView{
			Org: o, endpoint: newEndpoint(n.peerAddress(o), ""), Dir: n.orgDir(o) + "/msp",
			CA: n.orgDir(o) + "/msp/tlscacerts/tlsca.pem", Users: n.orgDir(o) + "/users",
		})
	}
	return views
}

func (n *Network) ordererViews() []endpoint {
	var views []endpoint
	for i := range ordererCount {
		views = append(views, newEndpoint(n.ordererAddress(i), n.ordererDir(i)+"/tls/server.crt"))
	}
	return views
}

// render writes a template with its values to a file.
func (n *Network) render(name string, values any, to string) error {
	t, err := template.ParseFS(templateFiles, "templates/"+name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Option("missingkey=error").Execute(&b, values); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return writeFile(to, b.Bytes())
}

// configure writes every configuration file. It runs at each Up, so that a newer Volens brings its settings along.
func (n *Network) configure() error {
	if err := n.linkBuilder(); err != nil {
		return err
	}
	for i := range ordererCount {
		at := newEndpoint(n.ordererAddress(i), "")
		if err := n.render("orderer.yaml", map[string]string{
			"Host": at.Host, "Port": at.Port, "Crypto": n.ordererDir(i), "MSP": ordererMSP, "Data": n.path("data", ordererName(i)),
			"Operations": n.ordererOperations(i), "Admin": n.ordererAdmin(i),
		}, n.path("config", ordererName(i), "orderer.yaml")); err != nil {
			return err
		}
	}
	for _, o := range Orgs() {
		if err := n.render("core.yaml", map[string]any{
			"Org": o, "Address": n.peerAddress(o), "Chaincode": n.peerChaincode(o), "Data": n.path("data", peerName(o)),
			"Crypto": n.peerDir(o), "Builder": n.path("builder"), "Operations": n.peerOperations(o),
		}, n.path("config", peerName(o), "core.yaml")); err != nil {
			return err
		}
		if err := n.renderProfile(o); err != nil {
			return err
		}
	}
	return n.render("configtx.yaml", map[string]any{
		"OrdererMSP": n.path("crypto", "ordererOrganizations", ordererDomain, "msp"), "Orderers": n.ordererViews(), "Orgs": n.orgViews(),
		"BatchTimeout": n.cfg.BatchTimeout, "BatchSize": n.cfg.BatchSize,
	}, n.path("config", "configtx.yaml"))
}

type custodianView struct{ Member, Org string }

func (n *Network) custodians() []custodianView {
	var views []custodianView
	for member, org := range n.cfg.Custodians {
		views = append(views, custodianView{member, org})
	}
	slices.SortFunc(views, func(a, b custodianView) int { return strings.Compare(a.Member, b.Member) })
	return views
}

func (n *Network) renderProfile(own Org) error {
	type operations struct{ Name, Address string }
	var ops []operations
	for _, p := range n.procs {
		if p.operations != "" {
			ops = append(ops, operations{p.name, p.operations})
		}
	}
	return n.render("profile.yaml", map[string]any{
		"Own": own, "Crypto": n.path("crypto"), "State": n.path("sdk", lower(own.Name)), "Channel": Channel, "Chaincode": Chaincode,
		"Orderers": n.ordererViews(), "Orgs": n.orgViews(), "OrdererCA": n.ordererCA(), "Custodians": n.custodians(), "Operations": ops,
		"Genesis": n.path(Channel + ".block"), "Endorsements": Endorsements,
	}, n.Profile(own.Name))
}

// linkBuilder makes the folder of the peers' external builder: three names of the chaincode program.
func (n *Network) linkBuilder() error {
	if err := os.MkdirAll(n.path("builder", "bin"), 0o700); err != nil {
		return err
	}
	for _, step := range []string{"detect", "build", "release"} {
		link := n.path("builder", "bin", step)
		if now, err := os.Readlink(link); err == nil && now == n.cfg.Chaincode {
			continue
		}
		if err := os.RemoveAll(link); err != nil {
			return err
		}
		if err := os.Symlink(n.cfg.Chaincode, link); err != nil {
			return fmt.Errorf("name the chaincode program %s: %w", step, err)
		}
	}
	return nil
}
