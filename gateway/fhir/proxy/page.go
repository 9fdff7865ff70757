package proxy

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// cursor is where an answer goes on. It is sealed: the server's own link may count what does not flow.
type cursor struct {
	Path    string           `json:"p"` // below the server's base
	Query   string           `json:"q"`
	Kind    kind             `json:"k"`
	Scope   string           `json:"i"`
	Type    string           `json:"t"`
	Member  consent.MemberID `json:"m"`
	Purpose string           `json:"u"`
	Ask     ask              `json:"a"`
}

func newSeal(random io.Reader) (cipher.AEAD, error) {
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("make the key of page links: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make the key of page links: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// follow reads the server's link to the next page: whatever host it names, the page is asked of the server that is configured.
func (p *Proxy) follow(link string) (path string, query url.Values, ok bool) {
	u, err := url.Parse(link)
	if err != nil || link == "" {
		return "", nil, false
	}
	query, err = url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", nil, false
	}
	path = strings.Trim(strings.TrimPrefix(u.Path, p.upstream.Path), "/")
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." || part == "." {
			return "", nil, false
		}
	}
	return path, query, true
}

// link makes the proxy's own link to where an exchange goes on.
func (x *exchange) link() (string, error) {
	c := cursor{
		Path: x.act.path, Query: x.act.query.Encode(), Kind: x.act.kind, Scope: x.act.scope, Type: x.act.typ, Member: x.who.Member,
		Purpose: x.who.purpose.Code, Ask: x.act.ask,
	}
	b, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return x.p.base + "/?_page=" + base64.RawURLEncoding.EncodeToString(x.p.seal.Seal(nil, nil, b, nil)), nil
}

// resume makes the exchange that of the page which its link names. Nobody can use another's, or for another purpose.
func (x *exchange) resume() error {
	sealed, err := base64.RawURLEncoding.DecodeString(x.act.page)
	if err != nil {
		return errPage
	}
	b, err := x.p.seal.Open(nil, nil, sealed, nil)
	if err != nil {
		return errPage
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil || c.Member != x.who.Member || c.Purpose != x.who.purpose.Code {
		return errPage
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return errPage
	}
	x.act = interaction{kind: c.Kind, scope: c.Scope, typ: c.Type, path: c.Path, query: query, ask: c.Ask, page: x.act.page}
	return nil
}
