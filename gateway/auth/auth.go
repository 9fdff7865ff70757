package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/study"
)

// Ledger is what this package reads: the applied public state. Implementations are safe for concurrent use; Head, Member
// and Delegation are on the path of every request.
type Ledger interface {
	Genesis() consent.Genesis
	Member(id consent.MemberID) (consent.Member, bool)
	// MemberOfKey returns the member that has a among its ledger keys.
	MemberOfKey(a consent.Address) (consent.Member, bool)
	Head(h consent.SubjectID) (consent.Head, bool)
	// Delegation returns the public entry of the Delegate message with this seq.
	Delegation(h consent.SubjectID, seq consent.Uint64) (consent.Entry, bool)
}

// Config says where the gateway is and what its limits are. Only Origin is required.
type Config struct {
	Origin    string // scheme://host[:port] as browsers see it
	SignInURL string // the URI of sign-in texts; default Origin + "/auth/sign-in"
	TokenURL  string // the audience of client assertions; default Origin + "/oauth2/token"
	Statement string // the sentence in sign-in texts; has a default
	ChainID   uint64 // default consent.ChainID

	Studies *study.Rules // whose passports are exchanged for tokens; nil: nobody's

	Now  func() time.Time // default time.Now
	Rand io.Reader        // must be secure; default crypto/rand

	SessionLife time.Duration // of a browser session; default 12 h
	SessionIdle time.Duration // unused for so long, it ends; default 15 min
	PersonToken time.Duration // of a person's bearer token; default 15 min
	ClientToken time.Duration // of an organisation's; default 5 min, which is also SMART's limit
	Skew        time.Duration // how far another clock may be ahead; default 10 s

	SignInsPerRemote int // nonces, and sign-ins, a minute; default 10
	ClaimsPerRemote  int // attempts to register a key a minute; default as SignInsPerRemote
	SignInsPerKey    int // proven sign-ins a minute; default 5
	TokensPerRemote  int // token requests a minute; default 120
	TokensPerClient  int // proven token requests a minute; default 60

	Secrets          int // sessions and tokens at a time, together; default 100,000
	SecretsPerPerson int // of one principal; the least recently used one goes; default 8
	SecretsPerClient int // default 512; each holds 32 KiB of visas at most
	Visas            int // bytes of visas that tokens stand for, of all clients together; default 64 MiB
	Spent            int // nonces and assertions remembered until they would have expired; default 65,536 each
}

// Life of a nonce and of a client assertion.
const (
	nonceLife     = 5 * time.Minute
	assertionLife = 5 * time.Minute
)

// Errors of this package, beside *LimitError, *OAuthError and consent's Malformed and Unavailable. Compare with errors.Is.
var (
	ErrUnauthenticated = errors.New("sign in first: there is no valid session or token in the request")
	ErrTwoCredentials  = errors.New("send a session cookie or a bearer token, not both, and only one")
	ErrCrossSite       = errors.New("this request did not come from our own page")
	ErrSignIn          = errors.New("the sign-in was refused")
)

// LimitError refuses a request that came too soon.
type LimitError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("too many requests; try again in %d seconds", e.Seconds())
}

// Seconds is the value of a Retry-After header: RetryAfter in whole seconds, at least 1.
func (e *LimitError) Seconds() int { return int((e.RetryAfter + time.Second - 1) / time.Second) }

// Service proves and remembers identities. It is safe for concurrent use.
type Service struct {
	cfg     Config
	ledger  Ledger
	domain  string
	boot    time.Time
	bootKey [32]byte // MAC key of nonces and CSRF tokens: what was made before this process does not verify

	tagSeed    maphash.Seed
	secrets    *table
	nonces     *spent
	assertions *spent
	cross      *http.CrossOriginProtection

	challenges, signIns, tokens, claims limiter // by remote
	keys, clients                       limiter // by who was proven
}

// New starts a service with a key of its own. It fails on an Origin that is not one, on URLs that are not below it, on a
// Statement that a sign-in text cannot hold, and when Rand fails.
func New(cfg Config, l Ledger) (*Service, error) {
	cfg.fill()
	origin, err := url.Parse(cfg.Origin)
	if err != nil || origin.Scheme != "https" && origin.Scheme != "http" || origin.Scheme+"://"+strings.ToLower(origin.Host) != cfg.Origin {
		return nil, fmt.Errorf("origin %q is not scheme://host[:port] in lower case", cfg.Origin)
	}
	for _, u := range []string{cfg.SignInURL, cfg.TokenURL} {
		if !strings.HasPrefix(u, cfg.Origin+"/") {
			return nil, fmt.Errorf("%q is not below the origin %s", u, cfg.Origin)
		}
	}
	s := &Service{
		cfg: cfg, ledger: l, domain: origin.Host, boot: cfg.Now(), tagSeed: maphash.MakeSeed(),
		secrets: newTable(cfg.Secrets, cfg.Visas), nonces: newSpent(cfg.Spent), assertions: newSpent(cfg.Spent),
		cross:      http.NewCrossOriginProtection(),
		challenges: newLimiter(cfg.SignInsPerRemote), signIns: newLimiter(cfg.SignInsPerRemote),
		tokens: newLimiter(cfg.TokensPerRemote), claims: newLimiter(cfg.ClaimsPerRemote), keys: newLimiter(cfg.SignInsPerKey), clients: newLimiter(cfg.TokensPerClient),
	}
	if err := s.cross.AddTrustedOrigin(cfg.Origin); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(cfg.Rand, s.bootKey[:]); err != nil {
		return nil, fmt.Errorf("draw the key of this process: %w", err)
	}
	c := s.challenge(s.boot, [32]byte{}, "")
	if _, err := c.Message(consent.Address{}).Format(); err != nil {
		return nil, fmt.Errorf("domain or statement: %w", err)
	}
	return s, nil
}

func (c *Config) fill() {
	orDefault(&c.SignInURL, c.Origin+"/auth/sign-in")
	orDefault(&c.TokenURL, c.Origin+"/oauth2/token")
	orDefault(&c.Statement, "Sign in to Volens to see and decide who uses your data. This signs no consent.")
	orDefault(&c.ChainID, consent.ChainID)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	orDefault(&c.SessionLife, 12*time.Hour)
	orDefault(&c.SessionIdle, 15*time.Minute)
	orDefault(&c.PersonToken, 15*time.Minute)
	orDefault(&c.ClientToken, 5*time.Minute)
	orDefault(&c.Skew, 10*time.Second)
	orDefault(&c.SignInsPerRemote, 10)
	orDefault(&c.ClaimsPerRemote, c.SignInsPerRemote)
	orDefault(&c.SignInsPerKey, 5)
	orDefault(&c.TokensPerRemote, 120)
	orDefault(&c.TokensPerClient, 60)
	orDefault(&c.Secrets, 100_000)
	orDefault(&c.SecretsPerPerson, 8)
	orDefault(&c.SecretsPerClient, 512)
	orDefault(&c.Visas, 64<<20)
	orDefault(&c.Spent, 1<<16)
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Sweep forgets what has expired. Call it about once a minute; nothing goes wrong when it is not called, since what has
// expired is refused anyway and full tables sweep themselves.
func (s *Service) Sweep() {
	now := s.cfg.Now()
	s.secrets.sweep(now.UnixNano())
	s.nonces.sweep(now)
	s.assertions.sweep(now)
}

// millis is now as the ledger counts it.
func (s *Service) millis() consent.Millis { return consent.Millis(s.cfg.Now().UnixMilli()) }

// draw returns fresh random bytes.
func (s *Service) draw() (b [32]byte, err error) {
	if _, err = io.ReadFull(s.cfg.Rand, b[:]); err != nil {
		err = consent.Errorf(consent.Unavailable, "draw random bytes: %w", err)
	}
	return b, err
}
