package blocks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// authorities are who signs, by one configuration of the channel.
type authorities struct {
	orderers, peers map[string]*organization // by MSP id
	known           map[string]signer        // by the bytes of the identity, of either
	unread          []string                 // why organisations cannot be read
}

// maxKnown bounds the identities that are remembered. A channel has a handful.
const maxKnown = 1024

// orderedBy is the only kind of ordering whose signatures are understood: one orderer's is enough where orderers may crash.
// Where they may lie, a block needs those of more than two thirds.
const orderedBy = "etcdraft"

// Groups and values of a channel's configuration, by Fabric's names.
const (
	groupOrderer     = "Orderer"
	groupApplication = "Application"
	valueMSP         = "MSP"
	valueConsensus   = "ConsensusType"
)

// readConfig reads the data of a configuration transaction.
func readConfig(raw []byte) (*authorities, error) {
	var env common.ConfigEnvelope
	if err := unmarshal(raw, &env); err != nil {
		return nil, err
	}
	groups := env.GetConfig().GetChannelGroup().GetGroups()
	var kind orderer.ConsensusType
	if err := unmarshal(groups[groupOrderer].GetValues()[valueConsensus].GetValue(), &kind); err != nil {
		return nil, err
	}
	if kind.GetType() != orderedBy {
		return nil, fmt.Errorf("the channel is ordered by %q, not by %s", kind.GetType(), orderedBy)
	}
	a := &authorities{known: map[string]signer{}}
	if a.orderers = a.readGroup(groups[groupOrderer]); len(a.orderers) == 0 {
		return nil, fmt.Errorf("no organisation could order: %s", strings.Join(a.unread, "; "))
	}
	a.peers = a.readGroup(groups[groupApplication])
	return a, nil
}

// readGroup reads organisations. Each one's administrators write of their own what is said of it, so one that cannot be read
// has no certificates that are believed, and ends nothing but that.
func (a *authorities) readGroup(g *common.ConfigGroup) map[string]*organization {
	all := map[string]*organization{}
	for name, sub := range g.GetGroups() {
		o, err := readOrganization(sub.GetValues()[valueMSP].GetValue())
		if err != nil {
			a.unread = append(a.unread, fmt.Sprintf("nothing that organisation %q signs is believed: %v", name, err))
			continue
		}
		all[o.id] = o
	}
	return all
}

// identity finds the organisation of an identity among some and checks its certificate.
func (a *authorities) identity(raw []byte, role string, among map[string]*organization) (signer, error) {
	s, ok := a.known[role+"\x00"+string(raw)]
	if !ok {
		var id msp.SerializedIdentity
		if err := unmarshal(raw, &id); err != nil {
			return s, fmt.Errorf("read an identity: %w", err)
		}
		o := among[id.GetMspid()]
		if o == nil {
			return s, fmt.Errorf("the channel has no organisation of %ss %q", role, id.GetMspid())
		}
		var err error
		if s, err = o.check(id.GetIdBytes()); err != nil {
			return s, err
		}
		if len(a.known) >= maxKnown {
			clear(a.known)
		}
		a.known[role+"\x00"+string(raw)] = s
	}
	if !slices.Contains(s.roles, role) {
		return s, fmt.Errorf("a certificate of %s is a %s's, not a %s's", s.org, strings.Join(s.roles, " and "), role)
	}
	return s, nil
}
