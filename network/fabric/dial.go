package fabric

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	pb "github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/errors/multi"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/errors/status"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/logging"
	sdkcontext "github.com/hyperledger/fabric-sdk-go/pkg/common/providers/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	sdkrequest "github.com/hyperledger/fabric-sdk-go/pkg/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/core/config"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/txn"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk/factory/defcore"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// channel is a channel by way of the SDK. It uses the SDK's lower half: proposals, transactions and block delivery to
// peers and orderers that the profile names. Discovery is never asked: who endorses and whose blocks are believed is the
// profile's to say, and the SDK's discovery cancels shared connections.
type channel struct {
	p        Profile
	sdk      *fabsdk.FabricSDK
	lines    *lines
	blocks   *blocks.Verifier // of the follower alone
	client   sdkcontext.Client
	peers    map[string]fab.Peer
	orderers []fab.Orderer
	good     atomic.Int64 // the orderer that took the last transaction
}

var _ Channel = (*channel)(nil)

// orderLimit bounds the wait for one orderer before the next one is asked.
const orderLimit = 3 * time.Second

// Dial makes a Channel of a connection profile. Nothing is connected yet: peers and orderers that are down are met by the
// calls that need them.
func Dial(p Profile) (Channel, error) {
	verifier, err := p.verifier()
	if err != nil {
		return nil, err
	}
	c := &channel{p: p, lines: newLines(), blocks: verifier, peers: map[string]fab.Peer{}}
	sdk, err := fabsdk.New(config.FromFile(p.Path), fabsdk.WithCorePkg(core{defcore.NewProviderFactory(), c.lines}))
	if err != nil {
		return nil, fmt.Errorf("read the connection profile: %w", err)
	}
	for _, module := range []string{"fabsdk", "fabsdk/fab", "fabsdk/client", "fabsdk/common", "fabsdk/core", "fabsdk/msp", "fabsdk/util"} {
		logging.SetLevel(module, logging.CRITICAL) // every error comes back to us, who know what it means
	}
	c.sdk = sdk
	if c.client, err = sdk.Context(fabsdk.WithUser(p.User), fabsdk.WithOrg(p.Organization))(); err != nil {
		return nil, errors.Join(fmt.Errorf("sign as %s of %s: %w", p.User, p.Organization, err), c.Close())
	}
	if err := c.resolve(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// resolve finds the profile's peers and orderers.
func (c *channel) resolve() error {
	endpoints := c.client.EndpointConfig()
	for org, name := range c.p.Peers {
		pc, ok := endpoints.PeerConfig(name)
		if !ok {
			return fmt.Errorf("the connection profile has no peer %s", name)
		}
		peer, err := c.client.InfraProvider().CreatePeerFromConfig(&fab.NetworkPeer{PeerConfig: *pc})
		if err != nil {
			return fmt.Errorf("peer %s: %w", name, err)
		}
		c.peers[org] = peer
	}
	for _, name := range c.p.Orderers {
		oc, ok, _ := endpoints.OrdererConfig(name)
		if !ok {
			return fmt.Errorf("the connection profile has no orderer %s", name)
		}
		o, err := c.client.InfraProvider().CreateOrdererFromConfig(oc)
		if err != nil {
			return fmt.Errorf("orderer %s: %w", name, err)
		}
		c.orderers = append(c.orderers, o)
	}
	return nil
}

// request is ctx as the SDK wants it, with a limit.
func (c *channel) request(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return sdkrequest.NewRequest(c.client, sdkrequest.WithParent(ctx), sdkrequest.WithTimeout(limit))
}

// callLimit bounds calls whose context has no deadline of its own.
const callLimit = time.Minute

// proposal sends a proposal to peers and returns all their answers.
func (c *channel) proposal(ctx context.Context, chaincode string, call Call, organizations []string) (*fab.TransactionProposal, []*fab.TransactionProposalResponse, error) {
	req, cancel := c.request(ctx, callLimit)
	defer cancel()
	var targets []fab.ProposalProcessor
	for _, org := range organizations {
		peer := c.peers[org]
		if peer == nil {
			return nil, nil, fmt.Errorf("the profile has no peer of %s", org)
		}
		targets = append(targets, peer)
	}
	header, err := txn.NewHeader(c.client, c.p.Channel)
	if err != nil {
		return nil, nil, err
	}
	invoke := fab.ChaincodeInvokeRequest{ChaincodeID: chaincode, Lang: pb.ChaincodeSpec_GOLANG, Fcn: call.Function}
	for _, a := range call.Args {
		invoke.Args = append(invoke.Args, []byte(a))
	}
	if call.Batch != nil {
		invoke.TransientMap = map[string][]byte{wire.Transient: call.Batch}
	}
	p, err := txn.CreateChaincodeInvokeProposal(header, invoke)
	if err != nil {
		return nil, nil, err
	}
	answers, err := txn.SendProposal(req, p, targets)
	if err != nil {
		return p, nil, answerError(err)
	}
	return p, answers, nil
}

// answerError finds a peer's own answer in what the SDK makes of it. Of several the first stands for all.
func answerError(err error) error {
	var many multi.Errors
	if errors.As(err, &many) {
		for _, e := range many {
			var answer *AnswerError
			if one := answerError(e); errors.As(one, &answer) {
				return one
			}
		}
		return err
	}
	s, ok := status.FromError(err)
	if !ok || s.Group != status.ChaincodeStatus {
		return err
	}
	who, _, _ := strings.Cut(err.Error(), ": ")
	return &AnswerError{Peer: who, Status: s.Code, Message: s.Message}
}

// sealed is what Order needs.
type sealed struct {
	proposal *fab.TransactionProposal
	answers  []*fab.TransactionProposalResponse
	again    *atomic.Bool // it was ordered before
}

// Endorse implements Channel.
func (c *channel) Endorse(ctx context.Context, call Call, organizations []string) (Endorsed, error) {
	p, answers, err := c.proposal(ctx, c.p.Chaincode, call, organizations)
	if err != nil {
		return Endorsed{}, err
	}
	for _, a := range answers[1:] {
		if string(a.ProposalResponse.GetPayload()) != string(answers[0].ProposalResponse.GetPayload()) {
			return Endorsed{}, fmt.Errorf("transaction %s: %s and %s: %w", p.TxnID, answers[0].Endorser, a.Endorser, ErrMismatch)
		}
	}
	return Endorsed{Tx: string(p.TxnID), Payload: answers[0].ProposalResponse.GetResponse().GetPayload(), sealed: sealed{p, answers, new(atomic.Bool)}}, nil
}

// Order implements Channel. Orderers are asked one after the other, beginning with the one that took the last transaction;
// when that one took this transaction too and nothing came of it, with the next.
func (c *channel) Order(ctx context.Context, e Endorsed) error {
	s, ok := e.sealed.(sealed)
	if !ok {
		return errors.New("the transaction was not endorsed on this channel")
	}
	tx, err := txn.New(fab.TransactionRequest{Proposal: s.proposal, ProposalResponses: s.answers})
	if err != nil {
		return err
	}
	first := int(c.good.Load())
	if s.again.Swap(true) {
		first++
	}
	var all error
	for i := range c.orderers {
		n := (first + i) % len(c.orderers)
		if err := c.orderAt(ctx, tx, c.orderers[n]); err != nil {
			all = errors.Join(all, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		c.good.Store(int64(n))
		return nil
	}
	return all
}

func (c *channel) orderAt(ctx context.Context, tx *fab.Transaction, o fab.Orderer) error {
	req, cancel := c.request(ctx, orderLimit)
	defer cancel()
	_, err := txn.Send(req, tx, []fab.Orderer{o})
	return err
}

// Query implements Channel.
func (c *channel) Query(ctx context.Context, call Call) ([]byte, error) {
	return c.ask(ctx, c.p.Chaincode, call)
}

func (c *channel) ask(ctx context.Context, chaincode string, call Call) ([]byte, error) {
	_, answers, err := c.proposal(ctx, chaincode, call, []string{c.p.Organization})
	if err != nil {
		return nil, err
	}
	return answers[0].ProposalResponse.GetResponse().GetPayload(), nil
}

// ledgerQueries is Fabric's system chaincode that answers for blocks and transactions.
const ledgerQueries = "qscc"

// Outcome implements Channel.
func (c *channel) Outcome(ctx context.Context, tx string) (string, error) {
	b, err := c.ask(ctx, ledgerQueries, Call{Function: "GetTransactionByID", Args: []string{c.p.Channel, tx}})
	var answer *AnswerError
	if errors.As(err, &answer) && strings.Contains(answer.Message, tx) { // it names what it has not found
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var p pb.ProcessedTransaction
	if err := unmarshal(b, &p); err != nil {
		return "", fmt.Errorf("read the outcome of transaction %s: %w", tx, err)
	}
	return pb.TxValidationCode(p.GetValidationCode()).String(), nil
}

// unmarshal reads one of the SDK's messages, which are of the older kind.
func unmarshal(b []byte, m protoadapt.MessageV1) error {
	return proto.Unmarshal(b, protoadapt.MessageV2Of(m))
}

// Close implements Channel.
func (c *channel) Close() error {
	c.sdk.Close()
	c.lines.close()
	return nil
}
