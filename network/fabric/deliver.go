package fabric

import (
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/comm"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/client/dispatcher"
	deliver "github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/connection"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/seek"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
)

// named is all that block delivery wants to know of a channel's configuration.
type named struct {
	fab.ChannelCfg
	id string
}

// ID implements fab.ChannelCfg.
func (n named) ID() string { return n.id }

// stall is how long a connection may bring no block before it is made anew. Heartbeats come every second.
const stall = 6 * time.Second

// Blocks implements Channel: full blocks of the own organisation's peer.
func (c *channel) Blocks(ctx context.Context, from uint64, fn func(Block) error) error {
	name := c.p.Peers[c.p.Organization]
	pc, ok := c.client.EndpointConfig().PeerConfig(name)
	if !ok {
		return fmt.Errorf("the connection profile has no peer %s", name)
	}
	conn, err := deliver.New(c.client, named{id: c.p.Channel}, deliver.Deliver, pc.URL, comm.OptsFromPeerConfig(pc)...)
	if err != nil {
		return fmt.Errorf("ask for blocks: %w", err)
	}
	events := make(chan any, 16)
	go func() {
		conn.Receive(events)
		close(events)
	}()
	defer func() {
		conn.Close()
		go func() {
			for range events { // until the receiver has noticed
			}
		}()
	}()
	if err := conn.Send(seek.InfoFrom(from)); err != nil {
		return fmt.Errorf("ask for blocks: %w", err)
	}
	silence := time.NewTimer(stall)
	defer silence.Stop()
	for {
		select {
		case ev, ok := <-events:
			if !ok {
				return errors.New("the peer ended the delivery of blocks")
			}
			if err := delivered(ev, c.p.Chaincode, fn); err != nil {
				return err
			}
			silence.Reset(stall)
		case <-silence.C:
			return fmt.Errorf("no block came in %v", stall)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// delivered reads one event of a delivery.
func delivered(ev any, chaincode string, fn func(Block) error) error {
	switch ev := ev.(type) {
	case *dispatcher.DisconnectedEvent:
		return fmt.Errorf("the connection to the peer broke: %w", ev.Err)
	case *deliver.Event:
		r, ok := ev.Event.(*pb.DeliverResponse)
		if !ok {
			return fmt.Errorf("the peer delivered %T", ev.Event)
		}
		switch t := r.GetType().(type) {
		case *pb.DeliverResponse_Block:
			b, err := readBlock(t.Block, chaincode)
			if err != nil {
				return fmt.Errorf("read block %d: %w", t.Block.GetHeader().GetNumber(), err)
			}
			return fn(b)
		case *pb.DeliverResponse_Status:
			return fmt.Errorf("the peer delivers no blocks: %v", t.Status)
		}
	}
	return fmt.Errorf("the peer delivered %T", ev)
}

// readBlock checks that a block's data is what its header says, and reads its transactions.
func readBlock(b *common.Block, chaincode string) (Block, error) {
	h := b.GetHeader()
	if h == nil || b.GetData() == nil {
		return Block{}, errors.New("it has no header or no data")
	}
	sum := sha256.New()
	for _, d := range b.GetData().GetData() {
		sum.Write(d)
	}
	if string(sum.Sum(nil)) != string(h.GetDataHash()) {
		return Block{}, errors.New("its data is not what its header says")
	}
	raw, err := asn1.Marshal(struct {
		Number             *big.Int
		Previous, DataHash []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	if err != nil {
		return Block{}, err
	}
	out := Block{Number: h.GetNumber(), Hash: sha256.Sum256(raw)}
	copy(out.Previous[:], h.GetPreviousHash())
	var codes []byte
	if m := b.GetMetadata().GetMetadata(); len(m) > int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) {
		codes = m[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	}
	if len(codes) != len(b.GetData().GetData()) {
		return Block{}, errors.New("it does not say which transactions are valid")
	}
	for i, d := range b.GetData().GetData() {
		tx, err := readTransaction(d, chaincode)
		if err != nil {
			return Block{}, fmt.Errorf("transaction %d: %w", i, err)
		}
		tx.Code = pb.TxValidationCode(codes[i]).String()
		out.Transactions = append(out.Transactions, tx)
	}
	return out, nil
}

// readTransaction reads an envelope. Configuration and other chaincodes' transactions have an id at most.
func readTransaction(raw []byte, chaincode string) (Transaction, error) {
	var env common.Envelope
	var payload common.Payload
	var header common.ChannelHeader
	if err := errors.Join(unmarshal(raw, &env), unmarshal(env.GetPayload(), &payload)); err != nil {
		return Transaction{}, err
	}
	if err := unmarshal(payload.GetHeader().GetChannelHeader(), &header); err != nil {
		return Transaction{}, err
	}
	tx := Transaction{ID: header.GetTxId()}
	if common.HeaderType(header.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return tx, nil
	}
	var body pb.Transaction
	if err := unmarshal(payload.GetData(), &body); err != nil {
		return tx, err
	}
	for _, a := range body.GetActions() {
		event, err := readEvent(a, chaincode)
		if err != nil {
			return tx, err
		}
		tx.Event = event
	}
	return tx, nil
}

// readEvent reads the ledger's event of an action, nil when it has none.
func readEvent(a *pb.TransactionAction, chaincode string) ([]byte, error) {
	var action pb.ChaincodeActionPayload
	var response pb.ProposalResponsePayload
	var result pb.ChaincodeAction
	var event pb.ChaincodeEvent
	if err := unmarshal(a.GetPayload(), &action); err != nil {
		return nil, err
	}
	if err := unmarshal(action.GetAction().GetProposalResponsePayload(), &response); err != nil {
		return nil, err
	}
	if err := unmarshal(response.GetExtension(), &result); err != nil {
		return nil, err
	}
	if result.GetChaincodeId().GetName() != chaincode || len(result.GetEvents()) == 0 {
		return nil, nil
	}
	if err := unmarshal(result.GetEvents(), &event); err != nil {
		return nil, err
	}
	if event.GetChaincodeId() != chaincode || event.GetEventName() != wire.EventName {
		return nil, nil
	}
	return event.GetPayload(), nil
}
