package fabric_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/network/fabric"
)

const profile = `volens:
  channel: care
  chaincode: volens
  organization: Hospital
  user: gateway
  trust: Trust
  peers: {Trust: 'localhost:1', Hospital: 'localhost:2'}
  orderers: ['localhost:3']
  genesis: care.block
  endorsements: 2
`

// A profile that does not say by what the channel's blocks are judged is refused; nothing is assumed in its place.
func TestProfile(t *testing.T) {
	if _, err := fabric.ParseProfile([]byte(profile)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, with, want string }{
		"no section":      {profile, "other: {}\n", "no section"},
		"no channel":      {"  channel: care\n", "", "volens.channel"},
		"no own peer":     {", Hospital: 'localhost:2'", "", "no peer of Hospital"},
		"no orderers":     {"['localhost:3']", "[]", "volens.orderers"},
		"no first block":  {"  genesis: care.block\n", "", "volens.genesis"},
		"no endorsements": {"  endorsements: 2\n", "", "volens.endorsements"},
		"one endorsement": {"endorsements: 2", "endorsements: 1", "volens.endorsements"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fabric.ParseProfile([]byte(strings.Replace(profile, c.old, c.with, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The first block is read from beside the profile, and must be one.
func TestDialReadsTheFirstBlock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "profile.yaml")
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := fabric.ReadProfile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Dial(p); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "care.block")) {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "care.block"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Dial(p); err == nil || !strings.Contains(err.Error(), "first block") {
		t.Errorf("with another file: %v", err)
	}
}
