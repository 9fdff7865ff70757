package fabric_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// lyingPeer stands between the hospital's gateway and the hospital's peer, with the peer's own TLS key, and shows other
// blocks while it lies. Everything else it passes on.
type lyingPeer struct {
	pb.UnimplementedDeliverServer

	to    *grpc.ClientConn
	lying *atomic.Bool
	lie   func(*common.Block)
	ends  []byte // put after each of its endorsements' signatures
}

// ProcessProposal implements the endorser's service.
func (l *lyingPeer) ProcessProposal(ctx context.Context, p *pb.SignedProposal) (*pb.ProposalResponse, error) {
	r, err := pb.NewEndorserClient(l.to).ProcessProposal(ctx, p)
	if err == nil && r.GetEndorsement() != nil {
		r.Endorsement.Signature = append(r.GetEndorsement().GetSignature(), l.ends...)
	}
	return r, err
}

// Deliver implements the service of blocks.
func (l *lyingPeer) Deliver(in pb.Deliver_DeliverServer) error {
	out, err := pb.NewDeliverClient(l.to).Deliver(in.Context())
	if err != nil {
		return err
	}
	asked, err := in.Recv()
	if err == nil {
		err = out.Send(asked)
	}
	for err == nil {
		var r *pb.DeliverResponse
		if r, err = out.Recv(); err != nil {
			return err
		}
		if b := r.GetBlock(); b != nil && l.lying.Load() {
			l.lie(b)
		}
		err = in.Send(r)
	}
	return err
}

// between puts a lying peer before the hospital's and returns a profile that leads to it.
func between(t *testing.T, n *launch.Network, p fabric.Profile, l *lyingPeer) fabric.Profile {
	t.Helper()
	dir := filepath.Join(n.Dir(), "crypto", "peerOrganizations", "hospital.volens.localhost", "peers", "peer0", "tls")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt")) //nolint:gosec // the test's own network
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	secure := credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	l.to, err = grpc.NewClient("passthrough:///"+p.Peers[hospital], grpc.WithTransportCredentials(secure))
	if err != nil {
		t.Fatal(err)
	}
	listen, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	pb.RegisterEndorserServer(s, l)
	pb.RegisterDeliverServer(s, l)
	go s.Serve(listen) //nolint:errcheck // it ends with the test
	t.Cleanup(s.Stop)
	b, err := os.ReadFile(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "profile.yaml")
	text := strings.ReplaceAll(string(b), p.Peers[hospital], listen.Addr().String())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return profileAt(t, path, p.Chaincode)
}

// rehash makes a block's header fit its data, as somebody can who cannot sign for an orderer.
func rehash(b *common.Block) {
	sum := sha256.New()
	for _, d := range b.GetData().GetData() {
		sum.Write(d)
	}
	b.Header.DataHash = sum.Sum(nil)
}

// TestLyingPeer: on a real network, a patient revokes at the trust's gateway, and the hospital's own peer shows its gateway a
// history that the channel does not have. The gateway finds out each time, denies everything, and has nothing of it in its
// copy; when the peer tells the truth again, it goes on.
func TestLyingPeer(t *testing.T) {
	codes := func(b *common.Block) []byte {
		return b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	}
	for name, c := range map[string]struct {
		lie  func(*common.Block)
		want string
	}{
		"a transaction again": {func(b *common.Block) {
			b.Data.Data = append(b.Data.Data, b.GetData().GetData()[0])
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = append(codes(b), 0)
			rehash(b)
		}, "over something else"},
		"nothing in it": {func(b *common.Block) {
			b.Data.Data, b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = nil, nil
			rehash(b)
		}, "over something else"},
		"nobody has signed": {func(b *common.Block) {
			b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = nil
		}, "nobody signed"},
		"valid is called invalid": {func(b *common.Block) {
			for i := range codes(b) {
				codes(b)[i] = byte(pb.TxValidationCode_MVCC_READ_CONFLICT)
			}
		}, "do not say the same"},
	} {
		t.Run(name, func(t *testing.T) { lieOnce(t, c.lie, c.want) })
	}
}

func lieOnce(t *testing.T, lie func(*common.Block), want string) {
	t.Helper()
	n, chaincode := launchtest.Shared(t)
	w, genesis := consenttest.NewWorld(chaincode)
	w.Now = consent.Millis(time.Now().UnixMilli())
	honest := profileOf(t, n, hospital, chaincode)
	var lying atomic.Bool
	g := realGate(t, between(t, n, honest, &lyingPeer{lying: &lying, lie: lie}), genesis).start(t)
	s := &town{t, nil, w, g}
	for _, m := range w.Members() {
		s.must(g, m)
	}
	p := s.subject()
	trusts := realGate(t, profileOf(t, n, trust, chaincode), genesis).start(t)
	s.level(trusts, g.l.Position())
	before := g.l.Position()
	lying.Store(true)
	revoked := s.must(trusts, p.RevokeAll())
	s.refused(want)
	if got := g.l.Position(); got != before {
		t.Errorf("the copy went from %d to %d", before, got)
	}
	lying.Store(false)
	g.Restart(t)
	if got := g.l.Position(); got < revoked.Position {
		t.Errorf("the truth was at %d, the copy is at %d", revoked.Position, got)
	}
}

// A peer that puts a byte after its signatures gets valid transactions with them, as Fabric reads them. They stop no gateway.
func TestByteAfterSignature(t *testing.T) {
	n, chaincode := launchtest.Shared(t)
	w, genesis := consenttest.NewWorld(chaincode)
	w.Now = consent.Millis(time.Now().UnixMilli())
	p := between(t, n, profileOf(t, n, hospital, chaincode), &lyingPeer{lying: new(atomic.Bool), ends: []byte{0}})
	g := realGate(t, p, genesis).start(t)
	s := &town{t, nil, w, g}
	for _, m := range w.Members() {
		s.must(g, m)
	}
	trusts := realGate(t, profileOf(t, n, trust, chaincode), genesis).start(t)
	last := s.must(g, s.subject().RevokeAll())
	s.level(trusts, last.Position)
}
