package ccaas_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/volens-ledger/volens/chaincode/ccaas"
	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// fakePeer has what of a Fabric peer the chaincode can see: committed state with versions, private collections, and a
// simulation that reads the committed state only and notes what was read and written.
type fakePeer struct {
	contract    *ccaas.Contract
	state       map[string]versioned
	collections map[string]map[string][]byte
	height      int
}

type versioned struct {
	value   []byte
	version int
}

func newPeer(cfg ccaas.Config, collections ...string) *fakePeer {
	p := &fakePeer{contract: ccaas.New(cfg), state: map[string]versioned{}, collections: map[string]map[string][]byte{}}
	for _, c := range collections {
		p.collections[c] = map[string][]byte{}
	}
	return p
}

// simulation is one transaction on one peer: the chaincode's stub while it runs, its read and write set afterwards.
type simulation struct {
	p         *fakePeer
	function  string
	args      []string
	transient map[string][]byte
	id        string
	at        time.Time

	trips    int
	reads    map[string]int
	writes   map[string]string
	private  map[string]map[string]string
	purges   map[string][]string
	event    []byte
	response *peer.Response
}

var _ ccaas.Stub = (*simulation)(nil)

func (p *fakePeer) simulate(at time.Time, id, function string, transient []byte, args ...string) *simulation {
	s := &simulation{
		p: p, function: function, args: args, transient: map[string][]byte{wire.Transient: transient}, id: id, at: at,
		reads: map[string]int{}, writes: map[string]string{}, private: map[string]map[string]string{}, purges: map[string][]string{},
	}
	s.response = p.contract.Call(s)
	return s
}

// public is what a block would hold of the simulation, in a form that can be compared.
func (s *simulation) public() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %d message %q payload %x event %x\n", s.response.Status, s.response.Message, s.response.Payload, s.event)
	for _, k := range slices.Sorted(maps.Keys(s.reads)) {
		fmt.Fprintf(&b, "read %s at %d\n", k, s.reads[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.writes)) {
		fmt.Fprintf(&b, "write %s = %q\n", k, s.writes[k])
	}
	return b.String()
}

// all is public with the private part, which blocks hold as hashes only.
func (s *simulation) all() string {
	var b strings.Builder
	b.WriteString(s.public())
	for _, c := range slices.Sorted(maps.Keys(s.private)) {
		for _, k := range slices.Sorted(maps.Keys(s.private[c])) {
			fmt.Fprintf(&b, "private %s %s = %x\n", c, k, s.private[c][k])
		}
	}
	for _, c := range slices.Sorted(maps.Keys(s.purges)) {
		fmt.Fprintf(&b, "purge %s %v\n", c, slices.Sorted(slices.Values(s.purges[c])))
	}
	return b.String()
}

// commit is what every peer does with an ordered transaction: it is valid when nothing that it read has changed since.
func (p *fakePeer) commit(s *simulation) bool {
	p.height++
	for k, version := range s.reads {
		if p.state[k].version != version {
			return false
		}
	}
	for k, v := range s.writes {
		p.state[k] = versioned{[]byte(v), p.height}
	}
	for c, kvs := range s.private {
		for k, v := range kvs {
			p.collections[c][k] = []byte(v)
		}
	}
	for c, keys := range s.purges {
		for _, k := range keys {
			delete(p.collections[c], k)
		}
	}
	return true
}

func (s *simulation) GetFunctionAndParameters() (string, []string) { return s.function, s.args }
func (s *simulation) GetTransient() (map[string][]byte, error)     { return s.transient, nil }
func (s *simulation) GetTxID() string                              { return s.id }
func (s *simulation) GetTxTimestamp() (*timestamppb.Timestamp, error) {
	return timestamppb.New(s.at), nil
}
func (s *simulation) StartWriteBatch()        {}
func (s *simulation) FinishWriteBatch() error { return nil }
func (s *simulation) SetEvent(name string, payload []byte) error {
	if name != wire.EventName || s.event != nil {
		return errors.New("one event, of one name")
	}
	s.event = payload
	return nil
}

func (s *simulation) GetMultipleStates(keys ...string) ([][]byte, error) {
	s.trips++
	values := make([][]byte, len(keys))
	for i, k := range keys {
		v := s.p.state[k]
		s.reads[k], values[i] = v.version, slices.Clone(v.value)
	}
	return values, nil
}

func (s *simulation) GetMultiplePrivateData(collection string, keys ...string) ([][]byte, error) {
	c, ok := s.p.collections[collection]
	if !ok {
		return nil, errors.New("no such collection")
	}
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = c[k]
	}
	return values, nil
}

func (s *simulation) PutState(key string, value []byte) error {
	if _, twice := s.writes[key]; twice || key == "" || len(value) == 0 {
		return fmt.Errorf("write %q: empty or twice", key)
	}
	s.writes[key] = string(value)
	return nil
}

func (s *simulation) PutPrivateData(collection, key string, value []byte) error {
	if _, ok := s.p.collections[collection]; !ok || len(value) == 0 {
		return fmt.Errorf("private write of %q into %q", key, collection)
	}
	if s.private[collection] == nil {
		s.private[collection] = map[string]string{}
	}
	s.private[collection][key] = string(value)
	return nil
}

func (s *simulation) PurgePrivateData(collection, key string) error {
	if _, ok := s.p.collections[collection]; !ok {
		return fmt.Errorf("purge of %q in %q", key, collection)
	}
	s.purges[collection] = append(s.purges[collection], key)
	return nil
}

// batch is the transient data of messages.
func batch(ms ...consent.Message) []byte {
	var b wire.Batch
	for _, m := range ms {
		b.Messages = append(b.Messages, string(m.Marshal()))
	}
	return consent.Append(nil, b)
}

// codes are the codes of a response, one for each message.
func codes(r *peer.Response) []string {
	if r.Status == wire.Refused {
		return strings.Split(r.Message, ",")
	}
	var res wire.Result
	if r.Status != 200 || consent.Decode(r.Payload, &res) != nil {
		return []string{fmt.Sprintf("status %d: %s", r.Status, r.Message)}
	}
	return res.Codes
}

func parts(s *simulation) []wire.Part {
	var ev wire.Event
	if s.event == nil || consent.Decode(s.event, &ev) != nil {
		return nil
	}
	return ev.Parts
}

// kept are the messages that a custodian's collection gives back, by "handle/seq".
func (p *fakePeer) kept(at time.Time, custodian consent.MemberID) map[string]string {
	all := map[string]string{}
	for key, v := range p.state {
		handle, isHead := strings.CutPrefix(key, "head/")
		var h consent.Head
		if !isHead || consent.Decode(v.value, &h) != nil {
			continue
		}
		for seq := range h.Seq {
			place := fmt.Sprintf("%s/%d", handle, seq+1)
			for tx := range p.collections[string(custodian)] {
				got := p.bodies(at, custodian, strings.TrimPrefix(tx, "sealed/"), place)[0]
				if got != "" {
					all[place] = got
				}
			}
		}
	}
	return all
}

// bodies asks for messages of a transaction. A refusal is its code.
func (p *fakePeer) bodies(at time.Time, custodian consent.MemberID, tx string, places ...string) []string {
	s := p.simulate(at, "q", wire.Bodies, nil, append([]string{string(custodian), tx}, places...)...)
	var v wire.Values
	if s.response.Status != 200 || consent.Decode(s.response.Payload, &v) != nil {
		return []string{s.response.Message}
	}
	return v.Values
}
