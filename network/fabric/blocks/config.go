package blocks

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// authorities are who signs, by one configuration of the channel.
type authorities struct {
	orderers, peers map[string]*organization // by MSP id
	known           map[string]signer        // by the bytes of the identity, of either
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
	var err error
	if a.orderers, err = readGroup(groups[groupOrderer]); err != nil {
		return nil, fmt.Errorf("the channel's orderers: %w", err)
	}
	if a.peers, err = readGroup(groups[groupApplication]); err != nil {
		return nil, fmt.Errorf("the channel's members: %w", err)
	}
	return a, nil
}

func readGroup(g *common.ConfigGroup) (map[string]*organization, error) {
	all := map[string]*organization{}
	for name, sub := range g.GetGroups() {
		o, err := readOrganization(sub.GetValues()[valueMSP].GetValue())
		if err != nil {
			return nil, fmt.Errorf("organisation %q: %w", name, err)
		}
		if all[o.id] != nil {
			return nil, fmt.Errorf("two organisations are called %q", o.id)
		}
		all[o.id] = o
	}
	if len(all) == 0 {
		return nil, errors.New("there are none")
	}
	return all, nil
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
	if s.role != role {
		return s, fmt.Errorf("a certificate of %s is a %s's, not a %s's", s.org, s.role, role)
	}
	return s, nil
}
