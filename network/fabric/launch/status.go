package launch

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Process is the state of one of the network's processes.
type Process struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	PID     int    `json:"pid"` // 0: it does not run
	Serves  bool   `json:"serves"`
	Memory  int64  `json:"memory"` // resident, in bytes; 0 where the kernel does not tell
}

// Status is the state of every process of the network, in the order in which they start.
func (n *Network) Status(ctx context.Context) []Process {
	var all []Process
	for _, p := range n.procs {
		s := Process{Name: p.name, Address: p.address, PID: n.pid(p.name)}
		if s.PID != 0 {
			s.Serves, s.Memory = serves(ctx, p), resident(s.PID)
		}
		all = append(all, s)
	}
	return all
}

func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// Leader is the orderer that leads the channel's Raft group now, "" when none of those that run does.
func (n *Network) Leader(ctx context.Context) string {
	for i := range ordererCount {
		if metric(ctx, n.ordererOperations(i), `consensus_etcdraft_is_leader{channel="`+Channel+`"} `) == "1" {
			return ordererName(i)
		}
	}
	return ""
}
