package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/comm"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/client/dispatcher"
	deliver "github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/connection"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/events/deliverclient/seek"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric/blocks"
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

// Blocks implements Channel: full blocks of the own organisation's peer, verified.
func (c *channel) Blocks(ctx context.Context, from Start, fn func(Block) error) error {
	if err := c.resume(ctx, from.Config); err != nil {
		return err
	}
	return c.delivered(ctx, c.p.Organization, seek.InfoFrom(from.Next), func(b *common.Block) error {
		verified, err := c.blocks.Next(b)
		if err != nil {
			return forged("block %d: %w", b.GetHeader().GetNumber(), err)
		}
		return fn(verified)
	})
}

// Said implements Channel.
func (c *channel) Said(ctx context.Context, organization string, from uint64, fn func(uint64, [32]byte) error) error {
	return c.delivered(ctx, organization, seek.InfoFrom(from), func(b *common.Block) error {
		said, err := blocks.Said(b)
		if err != nil {
			return fmt.Errorf("read block %d of %s: %w", b.GetHeader().GetNumber(), organization, err)
		}
		return fn(b.GetHeader().GetNumber(), said)
	})
}

// forged is the error of a block that is not the channel's.
func forged(format string, args ...any) error {
	return &fatalError{consent.Errorf(consent.Internal, "the own peer shows what the channel does not have: "+format, args...)}
}

// resume puts the configuration in force by which the next block is judged. The own peer is asked for the block, which is
// the right one if its hash is the one that was kept when it was verified.
func (c *channel) resume(ctx context.Context, config blocks.Ref) error {
	if config == c.blocks.Config() {
		return nil
	}
	if config == (blocks.Ref{}) {
		return c.blocks.Resume(config, nil)
	}
	only := seek.InfoFrom(config.Number)
	only.Stop = only.GetStart()
	got := errors.New("got it")
	err := c.delivered(ctx, c.p.Organization, only, func(b *common.Block) error {
		if err := c.blocks.Resume(config, b); err != nil {
			return forged("%w", err)
		}
		return got
	})
	if errors.Is(err, got) {
		return nil
	}
	return err
}

// delivered asks an organisation's peer for blocks and calls fn for each, until ctx ends or the connection breaks.
func (c *channel) delivered(ctx context.Context, organization string, want *orderer.SeekInfo, fn func(*common.Block) error) error {
	name := c.p.Peers[organization]
	pc, ok := c.client.EndpointConfig().PeerConfig(name)
	if !ok {
		return fmt.Errorf("the connection profile has no peer %s", name)
	}
	conn, err := c.reach(ctx, pc)
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
	if err := conn.Send(want); err != nil {
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
			b, err := blockOf(ev)
			if err == nil {
				err = fn(b)
			}
			if err != nil {
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

// reach connects to a peer's delivery of blocks. The SDK waits for a peer that is away until it is back, and knows no context:
// it is left waiting when ctx ends, and gives up when the channel is closed.
func (c *channel) reach(ctx context.Context, pc *fab.PeerConfig) (*deliver.DeliverConnection, error) {
	type made struct {
		conn *deliver.DeliverConnection
		err  error
	}
	done := make(chan made, 1)
	go func() {
		conn, err := deliver.New(c.client, named{id: c.p.Channel}, deliver.Deliver, pc.URL, comm.OptsFromPeerConfig(pc)...)
		done <- made{conn, err}
	}()
	select {
	case m := <-done:
		return m.conn, m.err
	case <-ctx.Done():
		go func() {
			if m := <-done; m.err == nil {
				m.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// blockOf is the block of one event of a delivery.
func blockOf(ev any) (*common.Block, error) {
	switch ev := ev.(type) {
	case *dispatcher.DisconnectedEvent:
		return nil, fmt.Errorf("the connection to the peer broke: %w", ev.Err)
	case *deliver.Event:
		r, ok := ev.Event.(*pb.DeliverResponse)
		if !ok {
			return nil, fmt.Errorf("the peer delivered %T", ev.Event)
		}
		switch t := r.GetType().(type) {
		case *pb.DeliverResponse_Block:
			return t.Block, nil
		case *pb.DeliverResponse_Status:
			return nil, fmt.Errorf("the peer delivers no blocks: %v", t.Status)
		}
	}
	return nil, fmt.Errorf("the peer delivered %T", ev)
}
