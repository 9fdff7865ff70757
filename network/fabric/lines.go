package fabric

import (
	"context"
	"sync"
	"time"

	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk/factory/defcore"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk/provider/fabpvdr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
)

// lines keeps one connection to each peer and orderer for the SDK. The SDK's own keeper waits for a connection to be ready
// before it is used; one that went idle when its peer was restarted never is, and every call hangs until it times out. Here
// a call is what makes an idle connection try again, and a broken one tries again often.
type lines struct {
	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
}

var _ fab.CommManager = (*lines)(nil)

func newLines() *lines { return &lines{conns: map[string]*grpc.ClientConn{}} }

// retryAfter bounds the waits of a connection that cannot be made.
const retryAfter = time.Second

// DialContext implements fab.CommManager.
func (l *lines) DialContext(_ context.Context, target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.conns[target]; c != nil {
		switch c.GetState() { //nolint:exhaustive // the others help themselves
		case connectivity.TransientFailure:
			c.ResetConnectBackoff()
			return c, nil
		case connectivity.Shutdown:
		default:
			return c, nil
		}
	}
	pace := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: retryAfter}
	opts = append(opts, grpc.WithConnectParams(grpc.ConnectParams{Backoff: pace, MinConnectTimeout: 2 * retryAfter}))
	c, err := grpc.NewClient("passthrough:///"+target, opts...)
	if err != nil {
		return nil, err
	}
	l.conns[target] = c
	return c, nil
}

// ReleaseConn implements fab.CommManager: connections stay.
func (l *lines) ReleaseConn(*grpc.ClientConn) {}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close() //nolint:errcheck // an error says that it is closed
	}
	clear(l.conns)
}

// core is the SDK's core with our lines.
type core struct {
	*defcore.ProviderFactory
	lines *lines
}

// CreateInfraProvider implements the SDK's core provider factory.
func (c core) CreateInfraProvider(config fab.EndpointConfig) (fab.InfraProvider, error) {
	return &infra{fabpvdr.New(config), c.lines}, nil
}

type infra struct {
	*fabpvdr.InfraProvider
	lines *lines
}

// CommManager implements fab.InfraProvider.
func (i *infra) CommManager() fab.CommManager { return i.lines }
