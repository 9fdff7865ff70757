package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// harden keeps keys out of core dumps and other processes of the same user out of this one's memory, where the system can.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)     //nolint:errcheck // best effort
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) //nolint:errcheck // best effort
}

// totalMemory is what this process may use: the machine's, or the control group's if that is less. 0 when it is not known.
func totalMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := int64(info.Totalram) * int64(info.Unit) //nolint:gosec // field types differ between systems
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			total = min(total, n)
		}
	}
	return total
}
