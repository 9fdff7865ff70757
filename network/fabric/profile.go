package fabric

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// Profile is the part of a connection profile that the SDK does not know: its section "volens". The rest of the file is
// the SDK's own.
type Profile struct {
	Path         string                      `yaml:"-"`
	Channel      string                      `yaml:"channel"`
	Chaincode    string                      `yaml:"chaincode"`
	Organization string                      `yaml:"organization"` // the gateway's own
	User         string                      `yaml:"user"`         // whose certificate and key the gateway signs with
	Trust        string                      `yaml:"trust"`
	Regulator    string                      `yaml:"regulator"`
	Custodians   map[consent.MemberID]string `yaml:"custodians"`   // organisation of each custodian
	Peers        map[string]string           `yaml:"peers"`        // the SDK's name of each organisation's peer
	Orderers     []string                    `yaml:"orderers"`     // the SDK's names
	Genesis      string                      `yaml:"genesis"`      // file with the channel's first block; where it is relative, beside the profile
	Endorsements int                         `yaml:"endorsements"` // how many organisations must have endorsed what is believed
}

// ReadProfile reads a connection profile with a section "volens" and refuses one that lacks what a gateway needs.
func ReadProfile(path string) (Profile, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return Profile{}, fmt.Errorf("read the connection profile: %w", err)
	}
	p, err := ParseProfile(b)
	if err != nil {
		return p, fmt.Errorf("read the connection profile %s: %w", path, err)
	}
	p.Path = path
	return p, nil
}

// ParseProfile is ReadProfile of a file's content.
func ParseProfile(b []byte) (Profile, error) {
	var file struct {
		Volens *Profile `yaml:"volens"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		return Profile{}, err
	}
	if file.Volens == nil {
		return Profile{}, errors.New("it has no section \"volens\"")
	}
	p := *file.Volens
	for what, value := range map[string]string{
		"channel": p.Channel, "chaincode": p.Chaincode, "organization": p.Organization, "user": p.User, "trust": p.Trust,
	} {
		if value == "" {
			return p, fmt.Errorf("volens.%s is missing", what)
		}
	}
	for _, org := range []string{p.Organization, p.Trust} {
		if p.Peers[org] == "" {
			return p, fmt.Errorf("volens.peers has no peer of %s", org)
		}
	}
	if len(p.Orderers) == 0 {
		return p, errors.New("volens.orderers is empty")
	}
	if p.Genesis == "" {
		return p, errors.New("volens.genesis is missing: the file with the channel's first block, by which all later ones are judged")
	}
	if p.Endorsements < 2 {
		return p, errors.New("volens.endorsements is missing or below 2: how many organisations the chaincode's endorsement policy asks for")
	}
	return p, nil
}

// verifier judges the channel's blocks by the first one.
func (p Profile) verifier() (*blocks.Verifier, error) {
	path := p.Genesis
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.Path), path)
	}
	genesis, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, fmt.Errorf("read the channel's first block: %w", err)
	}
	return blocks.New(blocks.Trust{
		Channel: p.Channel, Chaincode: p.Chaincode, EventName: wire.EventName, Genesis: genesis, Endorsements: p.Endorsements,
	})
}

// Organizations says who is who.
func (p Profile) Organizations() Organizations {
	return Organizations{Own: p.Organization, Trust: p.Trust, Regulator: p.Regulator, Custodians: p.Custodians}
}
