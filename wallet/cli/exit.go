package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
)

// The exit codes of every command, which ExitCodes explains.
const (
	OK              = 0
	Failure         = 1
	UsageCode       = 2
	DeniedCode      = 3
	ProofCode       = 4
	SignInCode      = 5
	UnavailableCode = 6
)

// ExitCodes is the text of `volens help exit-codes`.
const ExitCodes = `Every command ends with one of these codes:

  0  done; where a decision was asked for, it is permit
  1  failed: the error says why
  2  used wrongly: no such command, flag or argument
  3  denied: the decision (of any request in a batch) is deny
  4  a proof failed: a log, a receipt or a pinned key is not what it was. Stop, and ask whom you trust
  5  not signed in, or not allowed: wrong password, key or role
  6  not available now: no connection, too many requests, or the outcome is not known. Try again

With --json the error is an RFC 9457 problem on standard error; without, one line that begins with "volens:".`

// exitError carries an exit code; with quiet, all has been said on standard output.
type exitError struct {
	code  int
	quiet bool
	err   error
}

// Error implements error.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// Usage is an error of the person who typed.
func Usage(format string, args ...any) error {
	return &exitError{code: UsageCode, err: fmt.Errorf(format, args...)}
}

// Denied is how a command ends whose answer, already shown, is deny.
func Denied() error { return &exitError{code: DeniedCode, quiet: true, err: errors.New("denied")} }

// ExitCode is the exit code of a command's error.
func ExitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.code
	case isProof(err):
		return ProofCode
	case errors.Is(err, wallet.ErrPassword):
		return SignInCode
	}
	switch consent.CodeOf(err) { //nolint:exhaustive // all others are failures
	case api.Unauthenticated, consent.Unauthorized, consent.BadSignature:
		return SignInCode
	case consent.Unavailable, consent.Unknown, consent.Full, consent.Fenced, api.RateLimited:
		return UnavailableCode
	}
	return Failure
}

func isProof(err error) bool {
	for _, p := range []error{proof.ErrRefused, wallet.ErrPinned, wallet.ErrRollback, wallet.ErrFork, wallet.ErrReceipt, wallet.ErrRoster} {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

// Execute runs root with args, reports an error as ExitCodes says, and returns the exit code. What cobra itself refuses
// before a command runs is a usage error.
func Execute(ctx context.Context, root *cobra.Command, env Env, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	ran := false
	note := root.PersistentPreRun
	root.PersistentPreRun = func(c *cobra.Command, args []string) {
		ran = true
		if note != nil {
			note(c, args)
		}
	}
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return OK
	}
	if !ran {
		err = Usage("%w (see %s --help)", err, c.CommandPath())
	}
	report(env, wantsJSON(c, args), err)
	return ExitCode(err)
}

func wantsJSON(c *cobra.Command, args []string) bool {
	if f := c.Flags().Lookup("json"); f != nil && f.Changed {
		return f.Value.String() == "true"
	}
	for _, a := range args {
		if a == "--json" {
			return true
		}
	}
	return false
}

func report(env Env, asJSON bool, err error) {
	var e *exitError
	if errors.As(err, &e) && e.quiet {
		return
	}
	if !asJSON {
		line := oneLine(err.Error())
		if wait := client.RetryAfter(err); wait > 0 {
			line += fmt.Sprintf(" (try again in %s)", wait)
		}
		printf(env.Err, "volens: %s\n", line)
		return
	}
	b, bad := json.Marshal(problemOf(err))
	if bad != nil {
		b = []byte("{}")
	}
	printf(env.Err, "%s\n", b)
}

// oneLine keeps an error that quotes damaged bytes from doing anything to a terminal, or to a program that reads UTF-8.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, strings.ReplaceAll(strings.ToValidUTF8(s, string(utf8.RuneError)), "\n", "; "))
}

// problemOf is the gateway's own problem, or one made of a local error.
func problemOf(err error) api.Problem {
	var r *client.Refusal
	if errors.As(err, &r) {
		return r.Problem
	}
	var ce *consent.Error
	if ExitCode(err) != UsageCode && errors.As(err, &ce) {
		return api.ProblemOf(ce.Code, err.Error())
	}
	title := map[int]string{UsageCode: "Used wrongly", ProofCode: "A proof failed", SignInCode: "Not allowed"}[ExitCode(err)]
	if title == "" {
		title = "Failed"
	}
	return api.Problem{Type: "about:blank", Title: title, Detail: err.Error(), Code: localCode(err)}
}

func localCode(err error) consent.Code {
	switch ExitCode(err) {
	case UsageCode:
		return "usage"
	case ProofCode:
		return "proof"
	case SignInCode:
		return consent.Unauthorized
	}
	return "failed"
}
