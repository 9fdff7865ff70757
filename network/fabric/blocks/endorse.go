package blocks

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go/ledger/rwset/kvrwset"
	pb "github.com/hyperledger/fabric-protos-go/peer"
)

// answer is what the endorsers of a transaction gave and signed.
type answer struct {
	creator  []byte // signature header of the proposal; the envelope may have the same one, written differently
	proposal []byte // the chaincode's input without transient data
	payload  []byte // what they signed
	response pb.ProposalResponsePayload
	result   pb.ChaincodeAction
	by       []*pb.Endorsement
}

// readAnswer reads the body of an endorser transaction. Fabric takes one action and no more.
func readAnswer(raw []byte) (*answer, error) {
	var body pb.Transaction
	if err := unmarshal(raw, &body); err != nil {
		return nil, err
	}
	if len(body.GetActions()) != 1 {
		return nil, fmt.Errorf("it has %d actions", len(body.GetActions()))
	}
	var action pb.ChaincodeActionPayload
	if err := unmarshal(body.GetActions()[0].GetPayload(), &action); err != nil {
		return nil, err
	}
	a := &answer{
		creator: body.GetActions()[0].GetHeader(), proposal: action.GetChaincodeProposalPayload(),
		payload: action.GetAction().GetProposalResponsePayload(), by: action.GetAction().GetEndorsements(),
	}
	if err := unmarshal(a.payload, &a.response); err != nil {
		return nil, err
	}
	return a, unmarshal(a.response.GetExtension(), &a.result)
}

// event is the payload of the ledger's event, nil when there is none.
func (a *answer) event(chaincode, name string) ([]byte, error) {
	if a.result.GetChaincodeId().GetName() != chaincode || len(a.result.GetEvents()) == 0 {
		return nil, nil
	}
	var event pb.ChaincodeEvent
	if err := unmarshal(a.result.GetEvents(), &event); err != nil {
		return nil, err
	}
	if event.GetChaincodeId() != chaincode || event.GetEventName() != name {
		return nil, nil
	}
	return event.GetPayload(), nil
}

// writes reports whether an answer writes public state of the chaincode. Only then Fabric asks for the chaincode's own
// endorsement policy: what writes nothing but private values is valid by the collection's, which one organisation can meet.
func (a *answer) writes(chaincode string) bool {
	var all rwset.TxReadWriteSet
	if unmarshal(a.result.GetResults(), &all) != nil {
		return true // nothing that is valid
	}
	for _, ns := range all.GetNsRwset() {
		var set kvrwset.KVRWSet
		if ns.GetNamespace() != chaincode {
			continue
		}
		if unmarshal(ns.GetRwset(), &set) != nil || len(set.GetWrites())+len(set.GetMetadataWrites()) > 0 {
			return true
		}
	}
	return false
}

// errFew says that an answer lacks endorsements.
var errFew = errors.New("too few organisations endorsed it")

// endorsed checks that an answer belongs to the transaction that it came in, and that enough organisations' peers gave it.
// Endorsements that are not in order count for nothing, as with Fabric's peers.
func (v *Verifier) endorsed(a *answer, h *common.Header, when time.Time) error {
	sum := sha256.New()
	for _, b := range [][]byte{h.GetChannelHeader(), a.creator, a.proposal} {
		sum.Write(b)
	}
	if !bytes.Equal(sum.Sum(nil), a.response.GetProposalHash()) {
		return errors.New("the endorsers answered another proposal")
	}
	orgs := map[string]bool{}
	var why error
	for _, e := range a.by {
		s, err := v.who.identity(e.GetEndorser(), unitPeer, v.who.peers)
		if err == nil {
			err = s.verify(e.GetSignature(), a.payload, e.GetEndorser())
		}
		if err != nil {
			why = errors.Join(why, err)
			continue
		}
		v.note(s.ended(when))
		orgs[s.org] = true
	}
	if len(orgs) < v.trust.Endorsements {
		return errors.Join(fmt.Errorf("%w: %d, %d are asked for", errFew, len(orgs), v.trust.Endorsements), why)
	}
	return nil
}
