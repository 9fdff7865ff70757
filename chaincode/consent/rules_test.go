package consent_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// TestImports: the contract has the standard library and package sig, and nothing of them that waits, reads a clock,
// draws lots or speaks to the world.
func TestImports(t *testing.T) {
	banned := []string{"context", "os", "sync", "sync/atomic", "log", "log/slog", "net", "net/http", "time", "math/rand", "math/rand/v2", "crypto/rand"}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			foreign := strings.Contains(path, ".") && path != "github.com/volens-ledger/volens/chaincode/sig"
			if foreign || slices.Contains(banned, path) {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d files were looked at", seen)
	}
}

func TestErrors(t *testing.T) {
	seen := map[consent.Code]bool{}
	for _, c := range consent.Codes() {
		if c == "" || seen[c] {
			t.Errorf("code %q is empty or there twice", c)
		}
		seen[c] = true
		err := fmt.Errorf("submit: %w", consent.Errorf(c, "read it: %w", io.ErrUnexpectedEOF))
		if consent.CodeOf(err) != c || !errors.Is(err, &consent.Error{Code: c}) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v does not keep its code or its cause", err)
		}
		if errors.Is(err, &consent.Error{Code: "another"}) {
			t.Errorf("%v is of another code too", err)
		}
	}
	if consent.CodeOf(nil) != "" || consent.CodeOf(io.EOF) != consent.Internal {
		t.Error("no error has no code, and a strange one is internal")
	}
}

// TestKinds pins the type codes: they are part of every leaf that was ever written.
func TestKinds(t *testing.T) {
	want := strings.Fields(`1:Init 2:AuthorityChange 3:MemberAdmit 4:MemberUpdate 5:MemberSuspend 10:SubjectOpen 11:SubjectCode 12:SubjectClaim
		13:KeyRotate 14:GuardiansSet 15:RecoveryBegin 16:RecoveryVeto 17:RecoveryFinish 20:ConsentGrant 21:ConsentDecline 22:ConsentRevoke 23:RevokeAll
		24:ConsentAttest 25:ConsentConfirm 30:Delegate 31:DelegateEnd 40:Anchor 50:Erase 60:Close 61:Import`)
	var got []string
	for _, name := range consent.Types() {
		body, ok := consent.NewBody(name)
		if !ok || consent.TypeOf(body) != name {
			t.Fatalf("%s makes a %s", name, consent.TypeOf(body))
		}
		leaf := consent.Leaf{Type: name}.Marshal()
		got = append(got, fmt.Sprintf("%d:%s", leaf[0], name))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("codes %v, want %v", got, want)
	}
	if _, ok := consent.NewBody("Nothing"); ok {
		t.Fatal("there is a body of no type")
	}
}
