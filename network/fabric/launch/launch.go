// Package launch brings up a Hyperledger Fabric network on one machine, without containers: three organisations with a
// peer and a chaincode server each, three Raft orderers, TLS everywhere. The processes are Fabric's own, built from the
// module network/fabric/tools.
//
// What it makes under its folder is what an operator makes on several hosts: certificates, one configuration file for
// each process, the channel's genesis block, chaincode packages, connection profiles. The processes outlive the program
// that started them; their process ids are kept in files, together with their start times, so that a recycled id is never
// taken for one of them.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Names of what is on the network.
const (
	Channel   = "care"   // the channel
	Chaincode = "volens" // the chaincode that Up deploys
)

// DefaultPort is the first of the 21 ports that a network uses.
const DefaultPort = 17050

const portCount = 21

// Config of a Network.
type Config struct {
	// Dir is where everything of the network is.
	Dir string `json:"-"`
	// Bin is the folder of Fabric's commands, see Build.
	Bin string `json:"bin"`
	// Chaincode is the program cmd/volens-chaincode.
	Chaincode string `json:"chaincode"`
	// Port is the first port, on 127.0.0.1; 0 takes free ones. A network keeps the ports it began with.
	Port int `json:"port"`
	// Custodians names the organisation of each custodian; nil is city-hospital of Hospital.
	Custodians map[string]string `json:"custodians"`
	// BatchTimeout and BatchSize cut blocks; 0 is 200 ms and 500 transactions.
	BatchTimeout time.Duration `json:"batchTimeout"`
	BatchSize    int           `json:"batchSize"`
	// Progress is told each step when it begins; nil drops it.
	Progress func(step string) `json:"-"`
	// Now is the clock that certificates are dated by; nil is the machine's.
	Now func() time.Time `json:"-"`
}

// Network is one network on this machine, running or not. Its methods are not safe for concurrent use.
type Network struct {
	cfg   Config
	procs []process
}

// DefaultDir is where a network is when nobody says where: it has keys and a ledger, so it is no cache.
func DefaultDir() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "volens", "network"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the network: %w", err)
	}
	return filepath.Join(home, ".local", "state", "volens", "network"), nil
}

// Open returns the network of a folder. What an earlier Up fixed (ports, custodians, how blocks are cut) wins over cfg.
func Open(cfg Config) (*Network, error) {
	if cfg.Dir == "" {
		return nil, errors.New("open a network: no folder is named")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open a network: %w", err)
	}
	cfg.Dir = dir
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // certificates are dated by the machine's clock
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if err = cfg.recall(); err != nil {
		return nil, err
	}
	if cfg.Port == 0 {
		if cfg.Port, err = freePorts(portCount); err != nil {
			return nil, err
		}
	}
	n := &Network{cfg: cfg}
	n.procs = n.processes()
	return n, nil
}

// Exists reports whether an earlier Up has begun in this folder.
func (n *Network) Exists() bool {
	_, err := os.Stat(n.path("network.json"))
	return err == nil
}

// recall fills in what the folder's network was begun with, and the defaults of a new one.
func (c *Config) recall() error {
	b, err := os.ReadFile(filepath.Join(c.Dir, "network.json"))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("open the network: %w", err)
	default:
		var was Config
		if err := json.Unmarshal(b, &was); err != nil {
			return fmt.Errorf("read %s/network.json: %w", c.Dir, err)
		}
		c.Port, c.Custodians, c.BatchTimeout, c.BatchSize = was.Port, was.Custodians, was.BatchTimeout, was.BatchSize
		if c.Bin == "" {
			c.Bin = was.Bin
		}
		if c.Chaincode == "" {
			c.Chaincode = was.Chaincode
		}
	}
	if c.Custodians == nil {
		c.Custodians = map[string]string{"city-hospital": "Hospital"}
	}
	if c.BatchTimeout == 0 {
		c.BatchTimeout = 200 * time.Millisecond
	}
	if c.BatchSize == 0 {
		c.BatchSize = 500
	}
	for member, org := range c.Custodians {
		if _, ok := orgNamed(org); !ok {
			return fmt.Errorf("open the network: custodian %s is of %s, which is no organisation of it", member, org)
		}
	}
	return nil
}

func (n *Network) remember() error {
	b, err := json.MarshalIndent(n.cfg, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(n.path("network.json"), append(b, '\n'))
}

// Dir is the network's folder.
func (n *Network) Dir() string { return n.cfg.Dir }

// Programs are the folder of Fabric's commands and the chaincode program that the network runs with, "" while nobody has said.
func (n *Network) Programs() (bin, chaincode string) { return n.cfg.Bin, n.cfg.Chaincode }

// Profile is the path of an organisation's connection profile for fabric-sdk-go.
func (n *Network) Profile(org string) string { return n.path("profiles", lower(org)+".yaml") }

func (n *Network) path(parts ...string) string {
	return filepath.Join(append([]string{n.cfg.Dir}, parts...)...)
}

func (n *Network) address(offset int) string {
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(n.cfg.Port+offset))
}

// freePorts finds count ports in a row that nobody listens on now.
func freePorts(count int) (int, error) {
	for range 64 {
		base, err := freeRow(count)
		if err != nil {
			return 0, fmt.Errorf("find free ports: %w", err)
		}
		if base != 0 {
			return base, nil
		}
	}
	return 0, errors.New("find free ports: there is no free row of them")
}

func freeRow(count int) (int, error) {
	var lc net.ListenConfig
	first, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer first.Close() //nolint:errcheck // it was only a question
	tcp, ok := first.Addr().(*net.TCPAddr)
	if !ok || tcp.Port+count > 65535 {
		return 0, nil
	}
	// The kernel hands out ports from 32768 on to anybody who connects, so a network sits below them.
	base := 10000 + (tcp.Port*7)%20000
	for i := range count {
		l, err := lc.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", base+i))
		if err != nil {
			return 0, nil // taken: look elsewhere
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
	}
	return base, nil
}
