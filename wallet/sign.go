package wallet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
)

// Errors of signing.
var (
	ErrRefused = errors.New("the person did not agree; nothing was signed")
	ErrChanged = errors.New("the message changed while it was shown; nothing was signed")
	ErrPlace   = errors.New("the place that asks for a sign-in is not the one in the text; nothing was signed")
)

// Confirm shows the fields to the person and returns her answer. An error counts as no.
type Confirm func(fields []Field) (bool, error)

// Sign shows body and, when confirm agrees, signs it with the handle's present key for the ledger that the handle is
// pinned to. A delegate signs messages about another's handle with the key of her own: handle is whose key signs.
func (w *Wallet) Sign(
	ctx context.Context, handle consent.SubjectID, body consent.Body, names Names, confirm Confirm,
) (sig.Signature, error) {
	signatures, err := w.sign(ctx, handle, body, names, confirm, 1)
	if err != nil {
		return sig.Signature{}, err
	}
	return signatures[0], nil
}

// SignRotation signs a key rotation with the present key and then with the next generation's, as the contract asks. When
// the ledger has accepted it, add one to the Generation in the book, or call FindGeneration.
func (w *Wallet) SignRotation(
	ctx context.Context, handle consent.SubjectID, body *consent.KeyRotate, names Names, confirm Confirm,
) ([]sig.Signature, error) {
	next, err := w.keys.Commitment(handle, w.generation(handle)+1)
	if err != nil {
		return nil, err
	}
	if body.Handle != handle || body.KeyCommit != next {
		return nil, fmt.Errorf("%w: the rotation does not name this wallet's next key", ErrSubject)
	}
	return w.sign(ctx, handle, body, names, confirm, 2)
}

func (w *Wallet) sign(
	ctx context.Context, handle consent.SubjectID, body consent.Body, names Names, confirm Confirm, generations uint32,
) ([]sig.Signature, error) {
	if w.lock == nil {
		return nil, ErrClosed
	}
	s, known := w.book.Subject(handle)
	if !known {
		return nil, fmt.Errorf("%w: %s", ErrSubject, handle)
	}
	ledger, pinned := w.book.Ledger(s.Ledger)
	if !pinned {
		return nil, ErrPinned
	}
	key, err := w.Key(handle)
	if err != nil {
		return nil, err
	}
	if names.Subject == nil {
		names.Subject = w.book.label
	}
	digest := consent.Digest(ledger.ID, body)
	fields := append(Describe(body, names),
		Field{Path: "ledger", Label: "On the ledger", Value: fmt.Sprintf("%s (%s)", Escape(ledger.Name), ledger.ID), Detail: true},
		Field{Path: "signer", Label: "With the key", Value: key.Address().String(), Warning: foreign(body, handle), Detail: true})
	if d := s.Delegation; d != nil {
		fields = append(fields, Field{Path: "delegation", Label: "You act for somebody else", Value: fmt.Sprintf("as the %s of delegation %d", Escape(d.Kind), d.Seq)})
	}
	if err := agree(ctx, fields, confirm); err != nil {
		return nil, err
	}
	if consent.Digest(ledger.ID, body) != digest {
		return nil, ErrChanged
	}
	var out []sig.Signature
	for g := range generations {
		key, err := w.keys.Key(handle, s.Generation+g)
		if err != nil {
			return nil, err
		}
		one, err := key.Sign(digest)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// foreign warns when the message is about another handle than the one whose key signs: right for a delegate or guardian,
// wrong for anybody else.
func foreign(body consent.Body, handle consent.SubjectID) string {
	if b, chained := body.(consent.SubjectBody); chained && b.Link().Handle != handle {
		return "you sign for somebody else's handle"
	}
	return ""
}

func (b *Book) label(handle consent.SubjectID) (string, bool) {
	s, known := b.Subject(handle)
	if !known {
		return "", false
	}
	return s.Label, true
}

func agree(ctx context.Context, fields []Field, confirm Confirm) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if confirm == nil {
		return ErrRefused
	}
	yes, err := confirm(fields)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if !yes {
		return ErrRefused
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// SignIn shows and signs a sign-in text (ERC-4361) with the handle's key. The place is the URL that the person's program
// is talking to. Domain, URI, Address and ChainID of m are filled in from it, the handle and the ledger where they are
// empty; where they are set they must agree, or it is ErrPlace. Plain http is for this machine only.
func (w *Wallet) SignIn(
	ctx context.Context, handle consent.SubjectID, place *url.URL, m siwe.Message, confirm Confirm,
) (string, sig.Signature, error) {
	key, err := w.Key(handle)
	if err != nil {
		return "", sig.Signature{}, err
	}
	m, err = bind(place, m, key.Address())
	if err != nil {
		return "", sig.Signature{}, err
	}
	text, err := m.Format()
	if err != nil {
		return "", sig.Signature{}, err
	}
	if err := agree(ctx, signInFields(m), confirm); err != nil {
		return "", sig.Signature{}, err
	}
	s, err := key.Sign(sig.PersonalHash(text))
	return text, s, err
}

// bind binds a sign-in message to the place, the key and the ledger.
func bind(place *url.URL, m siwe.Message, a sig.Address) (siwe.Message, error) {
	origin := place.Scheme + "://" + place.Host
	m.Domain = cmp.Or(m.Domain, place.Host)
	m.URI = cmp.Or(m.URI, origin+place.EscapedPath())
	m.ChainID = cmp.Or(m.ChainID, consent.ChainID)
	m.Address = cmp.Or(m.Address, a)
	why := ""
	switch {
	case place.Scheme != "https" && (place.Scheme != "http" || !loopback(place.Hostname())):
		why = "it is not reached over https"
	case m.Domain != place.Host:
		why = "another domain"
	case m.Origin() != origin:
		why = "another URI"
	case m.ChainID != consent.ChainID:
		why = "another chain id"
	case m.Address != a:
		why = "another address"
	default:
		return m, nil
	}
	return siwe.Message{}, fmt.Errorf("%w: %s", ErrPlace, why)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func signInFields(m siwe.Message) []Field {
	fields := []Field{
		{Path: "domain", Label: "You sign in to", Value: Escape(m.Domain)},
		{Path: "uri", Label: "Address", Value: Escape(m.URI)},
	}
	add := func(path, label, value string, detail bool) {
		if value != "" {
			fields = append(fields, Field{Path: path, Label: label, Value: Escape(value), Detail: detail})
		}
	}
	add("statement", "It says", m.Statement, false)
	if !m.ExpirationTime.IsZero() {
		add("expirationTime", "Good until", m.ExpirationTime.UTC().Format(siwe.TimeForm), false)
	}
	if !m.NotBefore.IsZero() {
		add("notBefore", "Good from", m.NotBefore.UTC().Format(siwe.TimeForm), false)
	}
	for _, r := range m.Resources {
		add("resources", "Asks for", r, false)
	}
	add("issuedAt", "At the time", m.IssuedAt.UTC().Format(siwe.TimeForm), true)
	add("address", "With the key", siwe.FormatAddress(m.Address), true)
	add("nonce", "Nonce", m.Nonce, true)
	add("requestId", "Request", m.RequestID, true)
	return fields
}
