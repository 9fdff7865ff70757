package main_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Two generations of Fabric's protocol messages exist as Go packages. Both register the same names, so a process that has
// both panics before main. The SDK is of the one, the chaincode shim of the other: hence two programs.
func TestOneGenerationOfMessagesInEachProgram(t *testing.T) {
	const (
		old   = "github.com/hyperledger/fabric-protos-go/"
		fresh = "github.com/hyperledger/fabric-protos-go-apiv2/"
		path  = "github.com/volens-ledger/volens/cmd/"
	)
	for program, never := range map[string]string{"volens": fresh, "volens-chaincode": old} {
		out, err := exec.Command("go", "list", "-deps", path+program).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		both := map[string]bool{}
		for dep := range strings.Lines(string(out)) {
			for _, g := range []string{old, fresh} {
				both[g] = both[g] || strings.HasPrefix(dep, g)
			}
		}
		if both[never] {
			t.Errorf("%s depends on %s", program, never)
		}
		if program == "volens-chaincode" && !both[fresh] {
			t.Errorf("volens-chaincode does not depend on %s: this test looks for the wrong thing", fresh)
		}
	}
}
