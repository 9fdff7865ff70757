package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
)

// Challenge is what a wallet puts into the sign-in text. IssuedAt and ExpiresAt are whole seconds.
type Challenge struct {
	Nonce     string
	Domain    string
	URI       string
	ChainID   uint64
	Statement string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Message is the sign-in text of a challenge for an address, to be formatted and signed.
func (c Challenge) Message(a consent.Address) siwe.Message {
	return siwe.Message{
		Domain: c.Domain, Address: a, Statement: c.Statement, URI: c.URI, ChainID: c.ChainID, Nonce: c.Nonce,
		IssuedAt: c.IssuedAt, ExpirationTime: c.ExpiresAt,
	}
}

// A nonce is 16 random bytes, the second at which it ends (4 bytes) and the first 15 bytes of a MAC: 35 bytes, which are
// exactly 56 letters and digits.
const (
	nonceBody = 20
	nonceSize = 35
)

var nonceText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Challenge gives out a nonce. Remote is the peer's address, for the limit. Binding is what ties the sign-in to the browser
// that asked: the value of a cookie that the gateway set with this answer; empty where there are no cookies.
func (s *Service) Challenge(_ context.Context, remote, binding string) (Challenge, error) {
	now := s.cfg.Now()
	if err := take(s.challenges, network(remote), now); err != nil {
		return Challenge{}, err
	}
	random, err := s.draw()
	if err != nil {
		return Challenge{}, err
	}
	return s.challenge(now, random, binding), nil
}

func (s *Service) challenge(now time.Time, random [32]byte, binding string) Challenge {
	now = now.UTC().Truncate(time.Second)
	ends := now.Add(nonceLife)
	b := binary.BigEndian.AppendUint32(random[:16:16], uint32(ends.Unix())) //nolint:gosec // until 2106
	b = append(b, s.nonceMAC(b, binding)...)
	return Challenge{
		Nonce: nonceText.EncodeToString(b), Domain: s.domain, URI: s.cfg.SignInURL, ChainID: s.cfg.ChainID,
		Statement: s.cfg.Statement, IssuedAt: now, ExpiresAt: ends,
	}
}

func (s *Service) nonceMAC(body []byte, binding string) []byte {
	m := hmac.New(sha256.New, s.bootKey[:])
	m.Write([]byte("nonce"))
	m.Write(body)
	m.Write([]byte(binding))
	return m.Sum(nil)[:nonceSize-nonceBody]
}

// openNonce checks that this process gave the nonce out for this binding and returns when it ends.
func (s *Service) openNonce(text, binding string) (ends time.Time, ok bool) {
	b, err := nonceText.DecodeString(text)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceBody:], s.nonceMAC(b[:nonceBody], binding)) {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint32(b[16:])), 0), true
}

// SignIn is what a wallet sends. Which of Handle and Delegation is there says as whom it signs in: with Delegation as the
// delegate, with Handle and KeySalt as the patient, with neither as a member's person or an authority.
type SignIn struct {
	Remote     string // the peer's address, for the limit
	Binding    string // as given to Challenge
	Message    string // the ERC-4361 text
	Signature  string // 0x and 130 lower-case hex digits
	Handle     *consent.SubjectID
	KeySalt    *consent.Hash     // opens the handle's key commitment
	Delegation *consent.Delegate // the opened delegation
}

// SignIn proves who sent r and returns the principal; make a Session or Bearer of it. The errors are *LimitError,
// Malformed for a text or signature that cannot be read, ErrSignIn for everything that is refused (with a reason only
// where it says nothing about the ledger), and Unavailable.
func (s *Service) SignIn(_ context.Context, r SignIn) (Principal, error) {
	now := s.cfg.Now()
	if err := take(s.signIns, network(r.Remote), now); err != nil {
		return Principal{}, err
	}
	m, ends, err := s.readMessage(r, now)
	if err != nil {
		return Principal{}, err
	}
	id, ok := s.identify(r, m.Address)
	if !ok {
		return Principal{}, ErrSignIn
	}
	p, err := s.proven(&id)
	if err != nil {
		return Principal{}, ErrSignIn
	}
	fresh, err := s.nonces.spend(sha256.Sum256([]byte(m.Nonce)), now, ends)
	if err != nil {
		return Principal{}, err
	}
	if !fresh {
		return Principal{}, refuse("this nonce was used already; ask for a new one")
	}
	if err := take(s.keys, m.Address, now); err != nil { // not before: else a replayed text would use up the key's share
		return Principal{}, err
	}
	return p, nil
}

// readMessage checks the text and its signature, and returns when its nonce ends. What costs least comes first.
func (s *Service) readMessage(r SignIn, now time.Time) (m siwe.Message, ends time.Time, err error) {
	var signature consent.Signature
	if err := signature.UnmarshalText([]byte(r.Signature)); err != nil {
		return m, ends, consent.Errorf(consent.Malformed, "read the signature: %w", err)
	}
	if m, err = siwe.Parse(r.Message); err != nil {
		return m, ends, consent.Errorf(consent.Malformed, "read the sign-in text: %w", err)
	}
	ends, ok := s.openNonce(m.Nonce, r.Binding)
	switch {
	case !ok:
		return m, ends, refuse("this nonce is not one of ours; ask for a new one")
	case !now.Before(ends):
		return m, ends, refuse("this nonce has expired; ask for a new one")
	case m.URI != s.cfg.SignInURL:
		return m, ends, refuse("the sign-in text is for another URI")
	}
	expect := siwe.Expect{
		Domain: s.domain, Origin: s.cfg.Origin, ChainID: s.cfg.ChainID, Nonce: m.Nonce, Now: now, MaxAge: nonceLife,
		Skew: s.cfg.Skew,
	}
	if err = m.Check(expect); err == nil {
		_, err = siwe.Verify(r.Message, signature)
	}
	if err != nil {
		return m, ends, fmt.Errorf("%w: %w", ErrSignIn, err)
	}
	return m, ends, nil
}

// identify finds what the address proves. Whether that still counts is for roles to say.
func (s *Service) identify(r SignIn, a consent.Address) (identity, bool) {
	switch d := r.Delegation; {
	case d != nil:
		d := *d // the caller's may change
		ok := d.Delegate == a && (r.Handle == nil || *r.Handle == d.Handle)
		o := owner{kind: delegate, handle: d.Handle, seq: d.Seq}
		return identity{owner: o, commit: consent.Commitment(&d), delegation: &d}, ok
	case r.Handle != nil && r.KeySalt != nil:
		return identity{owner: owner{kind: patient, handle: *r.Handle}, commit: consent.KeyCommitment(*r.KeySalt, a)}, true
	case r.Handle != nil || r.KeySalt != nil:
		return identity{}, false
	}
	o := owner{kind: person, address: a}
	if m, ok := s.ledger.MemberOfKey(a); ok {
		o.member = m.ID
	}
	return identity{owner: o}, true
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrSignIn, why) }
