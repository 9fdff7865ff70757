package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

// password takes the wallet's password from the environment or from the person.
func (a *app) password(prompt string) (string, error) {
	if p := a.getenv("VOLENS_PASSWORD"); p != "" {
		a.say("warning: the password comes from VOLENS_PASSWORD, which other programs of yours can read")
		return p, nil
	}
	if !a.terminal() || a.ReadPassword == nil {
		return "", Usage("there is no terminal to ask for the password; scripts set VOLENS_PASSWORD")
	}
	return a.ReadPassword(prompt)
}

// openWallet opens the wallet file. The caller closes it.
func (a *app) openWallet() (*wallet.Wallet, error) {
	if _, err := os.Stat(a.wallet); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no wallet at %s; make one with: volens wallet create", a.wallet)
	}
	p, err := a.password("Password of " + a.wallet + ": ")
	if err != nil {
		return nil, err
	}
	return wallet.Open(a.wallet, p)
}

func (a *app) dial(server string) (*client.Client, error) {
	c, err := client.New(server, client.Options{HTTP: a.HTTP, Agent: "volens-cli/" + a.Version})
	if err != nil {
		return nil, Usage("%w", err)
	}
	return c, nil
}

// serverOr is the server that was named, else this one, else the default.
func (a *app) serverOr(own string) string {
	switch {
	case a.server != "":
		return a.server
	case own != "":
		return own
	}
	return defaultServer
}

// person is a patient at work: an open wallet, one handle of it, and the gateway she is signed in to.
type person struct {
	*app
	online.Patient
}

// open opens the wallet, picks the handle and signs in. The caller closes the wallet.
func (a *app) open(ctx context.Context) (_ *person, err error) {
	w, err := a.openWallet()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	s, err := a.pick(w.Book())
	if err != nil {
		return nil, err
	}
	p, err := a.personOf(w, s)
	if err != nil {
		return nil, err
	}
	if err := p.signIn(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

func (a *app) personOf(w *wallet.Wallet, s *wallet.Subject) (*person, error) {
	ledger, pinned := w.Book().Ledger(s.Ledger)
	if !pinned {
		return nil, wallet.ErrPinned
	}
	c, err := a.dial(a.serverOr(s.Gateway))
	return &person{a, online.Patient{Wallet: w, Subject: s, Ledger: ledger, API: c, Confirm: a.confirm, Rand: a.Rand}}, err
}

// pick chooses the handle that --handle names, or the only one of the person's own. A handle that she acts for is the
// default only while she has none: to accept a delegation must not change what a command does.
func (a *app) pick(b *wallet.Book) (*wallet.Subject, error) {
	own := slices.ContainsFunc(b.Subjects, func(s *wallet.Subject) bool { return s.Delegation == nil })
	var found *wallet.Subject
	for _, s := range b.Subjects {
		if a.handle != "" && s.Handle.String() != a.handle && s.Label != a.handle || a.handle == "" && own && s.Delegation != nil {
			continue
		}
		if found != nil {
			return nil, Usage("the wallet has several such handles; name one with --handle")
		}
		found = s
	}
	switch {
	case found != nil:
		return found, nil
	case a.handle != "":
		return nil, Usage("the wallet has no handle %q", a.handle)
	}
	return nil, errors.New("the wallet has no handle yet; enrol with: volens wallet enrol INVITATION")
}

// token is what is kept of a sign-in.
type token struct {
	Server string            `json:"server"`
	Handle consent.SubjectID `json:"handle"`
	Token  string            `json:"token"`
	Until  time.Time         `json:"until"`
}

func (p *person) tokenPath() string { return p.wallet + ".session" }

// signIn takes the kept token while it is good, else signs in with the handle's key. At another gateway than the handle's own
// it first asks whether that one's key is to be believed.
func (p *person) signIn(ctx context.Context) error {
	if p.API.URL() != p.Subject.Gateway {
		if err := online.PinCopy(ctx, p.Wallet, p.Ledger, p.API, p.believe); err != nil {
			return err
		}
	}
	if t, ok := p.keptToken(ctx); ok {
		p.API = p.API.As(client.Bearer(t))
		return nil
	}
	session, err := p.signInAnew(ctx)
	if err != nil {
		return err
	}
	t := token{
		Server: p.API.URL(), Handle: p.Subject.Handle, Token: session.AccessToken,
		Until: p.Now().Add(time.Duration(session.ExpiresIn) * time.Second * 4 / 5),
	}
	b, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(p.tokenPath(), b, 0o600)
	}
	if err != nil {
		p.say("warning: the sign-in is not kept: %v", err)
	}
	p.API = p.API.As(client.Bearer(session.AccessToken))
	return nil
}

// signInAnew signs in with the handle's key or, when that is refused, with the next one: the answer to a rotation may have
// been lost.
func (p *person) signInAnew(ctx context.Context) (api.Session, error) {
	session, err := online.SignIn(ctx, p.Wallet, p.Subject.Handle, p.API)
	if consent.CodeOf(err) != consent.Unauthorized || p.Subject.Delegation != nil {
		return session, err
	}
	p.Subject.Generation++
	session, again := online.SignIn(ctx, p.Wallet, p.Subject.Handle, p.API)
	if again != nil {
		p.Subject.Generation--
		return session, err
	}
	p.say("your key was replaced by the next one, and the wallet has it now")
	return session, p.Wallet.Save()
}

func (p *person) keptToken(ctx context.Context) (string, bool) {
	b, err := os.ReadFile(p.tokenPath())
	if err != nil {
		return "", false
	}
	var t token
	if json.Unmarshal(b, &t) != nil || t.Server != p.API.URL() || t.Handle != p.Subject.Handle || !p.Now().Before(t.Until) {
		return "", false
	}
	_, err = p.API.As(client.Bearer(t.Token)).Session(ctx) // tokens end with the gateway's process
	return t.Token, err == nil
}

// learn fetches and verifies the names that what is signed will be shown with.
func (p *person) learn(ctx context.Context) error {
	r, err := online.Roster(ctx, p.API, *p.Ledger)
	if err != nil {
		return err
	}
	p.Names = wallet.Names{Member: r.Member, Code: online.Code}
	return nil
}

// patient is the word for the patient herself: you, unless you act for her.
func (p *person) patient() string {
	if p.Subject.Delegation != nil {
		return "patient"
	}
	return "you"
}

// member is a member's name and id, or the id in quotation marks when no authority has signed a name for it.
func (p *person) member(id consent.MemberID) string {
	if id == "" {
		return p.patient()
	}
	if p.Names.Member != nil {
		if m, known := p.Names.Member(id); known {
			return fmt.Sprintf("%s (%s)", wallet.Escape(m.Name), wallet.Escape(string(id)))
		}
	}
	return `"` + wallet.Escape(string(id)) + `"`
}

// line reads one line that the person types.
func (a *app) line(prompt string) (string, error) {
	printf(a.Err, "%s", prompt)
	var b strings.Builder
	one := make([]byte, 1)
	for { // byte by byte: what comes after belongs to the next question
		n, err := a.In.Read(one)
		if n == 1 && one[0] == '\n' {
			return strings.TrimSpace(b.String()), nil
		}
		b.Write(one[:n])
		if errors.Is(err, io.EOF) && b.Len() > 0 {
			return strings.TrimSpace(b.String()), nil
		}
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		if b.Len() > 4096 {
			return "", fmt.Errorf("read the answer: %w", bufio.ErrTooLong)
		}
	}
}

// confirm shows what is about to be signed and asks.
func (a *app) confirm(fields []wallet.Field) (bool, error) {
	shown := make([]wallet.Field, 0, len(fields))
	for _, f := range fields {
		if !f.Detail || a.details || f.Warning != "" {
			shown = append(shown, f)
		}
	}
	printf(a.Err, "%s", wallet.Text(shown))
	if a.yes {
		return true, nil
	}
	if !a.terminal() {
		return false, Usage("there is no terminal to ask; scripts add --yes")
	}
	return a.agreed("Sign this?")
}

// agreed asks a question that no is the answer to when nothing is said.
func (a *app) agreed(question string) (bool, error) {
	answer, err := a.line(question + " [y/N] ")
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

// believe shows the log key of another gateway and asks whether it is to be believed from now on. That is more than a
// signature, so --yes is no answer: a script names the key that it expects.
func (a *app) believe(key string, fields []wallet.Field) (bool, error) {
	printf(a.Err, "%s", wallet.Text(fields))
	switch {
	case a.logKey != "" && a.logKey != key:
		return false, fmt.Errorf("%w: the gateway's log key is not the one of --log-key", wallet.ErrPinned)
	case a.logKey != "":
		return true, nil
	case a.yes || !a.terminal():
		return false, Usage("a key is not believed unseen: scripts name it with --log-key")
	}
	return a.agreed("Believe this key from now on?")
}
