package trial_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/trial"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// childEnv makes the test binary a writer: it holds the writer's folder.
const childEnv = "VOLENS_TEST_WRITER"

// The writer's profile and ledger, where it is to be on a channel.
const (
	profileEnv   = "VOLENS_TEST_PROFILE"
	chaincodeEnv = "VOLENS_TEST_CHAINCODE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		cfg := trial.Config{Dir: dir, Ops: 1 << 30, Clients: 8, Segment: 32 << 10, Erase: true}
		if path := os.Getenv(profileEnv); path != "" {
			p, err := fabric.ReadProfile(path)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			p.Chaincode, cfg.Fabric = os.Getenv(chaincodeEnv), &p
		}
		fmt.Fprintln(os.Stderr, trial.Write(context.Background(), cfg, os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKill kills a writer at some moment and finds everything it acknowledged.
func TestKill(t *testing.T) {
	for run := range 3 {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			killed(t, trial.Config{Dir: t.TempDir()}, 50+rand.IntN(400))
		})
	}
}

// TestFabricKill kills a gateway on a channel in the middle of load, and starts it again.
func TestFabricKill(t *testing.T) {
	n, chaincode := launchtest.Shared(t)
	profile, err := fabric.ReadProfile(n.Profile("Hospital"))
	if err != nil {
		t.Fatal(err)
	}
	profile.Chaincode = chaincode
	killed(t, trial.Config{Dir: t.TempDir(), Fabric: &profile}, 80+rand.IntN(100), profileEnv+"="+profile.Path, chaincodeEnv+"="+chaincode)
}

// killed starts a writer in a process of its own, kills it after so many lines, and checks.
func killed(t *testing.T, cfg trial.Config, stop int, env ...string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), childEnv+"="+cfg.Dir), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var acks bytes.Buffer
	lines := bufio.NewScanner(out)
	for ; stop > 0 && lines.Scan(); stop-- {
		fmt.Fprintln(&acks, lines.Text())
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it said before it died counts
		fmt.Fprintln(&acks, lines.Text())
	}
	_ = c.Wait()
	promised := bytes.Count(acks.Bytes(), []byte("ACK "))
	r, err := trial.Check(t.Context(), cfg, &acks)
	if err != nil || promised < 50 {
		t.Fatalf("%d acknowledged: %v", promised, err)
	}
	t.Logf("%d acknowledged, %d messages and %d uses found", promised, r.Report.Size, r.Report.Uses.Size)
}

// TestMissing lets the checker look for what was never acknowledged: it must miss it.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	var acks bytes.Buffer
	if err := trial.Write(t.Context(), trial.Config{Dir: dir, Ops: 30, Clients: 2}, &acks); err != nil {
		t.Fatal(err)
	}
	if _, err := trial.Check(t.Context(), trial.Config{Dir: dir}, bytes.NewReader(acks.Bytes())); err != nil {
		t.Fatal(err)
	}
	none := strings.Repeat("ab", 32)
	for _, line := range []string{"ACK message " + none, "ACK use 3 " + none, "ACK erase " + none[:32], "ACK init " + none} {
		if _, err := trial.Check(t.Context(), trial.Config{Dir: dir}, strings.NewReader(line)); err == nil {
			t.Errorf("%q is found", line)
		}
	}
}

// TestFlips flips a bit in each file in turn. Verifying refuses, or reports the very same sizes and roots.
func TestFlips(t *testing.T) {
	src := t.TempDir()
	if err := trial.Write(t.Context(), trial.Config{Dir: src, Ops: 60, Clients: 3, Segment: 8 << 10, Erase: true}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	opt := node.VerifyOptions{Signatures: true}
	good, err := node.Verify(t.Context(), node.Under(src), opt)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 5))
	refused, harmless := 0, 0
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".tar" { // reading an archive of policies takes its time
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		used := len(bytes.TrimRight(whole, "\x00"))
		for range min(used, 3) {
			bad := bytes.Clone(whole)
			at := rnd.IntN(used)
			bad[at] ^= 1 << rnd.IntN(8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				return err
			}
			r, err := node.Verify(t.Context(), node.Under(src), opt)
			switch {
			case err != nil:
				refused++
			case r.Size == good.Size && r.Root == good.Root && r.Uses.Size == good.Uses.Size && r.Uses.Root == good.Uses.Root:
				harmless++
			default:
				t.Errorf("byte %d of %s: %+v", at, path, r)
			}
		}
		return os.WriteFile(path, whole, 0o600)
	})
	if err != nil || refused == 0 || harmless == 0 {
		t.Fatal(err, refused, harmless)
	}
	t.Logf("%d refused, %d harmless", refused, harmless)
	if _, err := node.Verify(t.Context(), node.Under(src), opt); err != nil {
		t.Fatal(errors.Join(errors.New("the files were not put back"), err))
	}
}
