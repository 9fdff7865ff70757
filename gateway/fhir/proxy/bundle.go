package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// entry is an entry of a Bundle, as it comes and as it goes. What is not named here does not go.
type entry struct {
	Resource jsontext.Value
	Search   struct {
		Mode string `json:"mode"`
	}
	Request struct {
		Method string `json:"method"`
	}
	Response struct {
		Status       string `json:"status"`
		ETag         string `json:"etag"`
		LastModified string `json:"lastModified"`
	}
}

type bundleLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// maxEntry bounds one entry, in bytes: one is the least that has to be in memory at once.
const maxEntry = 16 << 20

var errEntry = errors.New("an entry of the server's Bundle is too large")

// bounded reads at most maxEntry bytes between two resets.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) reset() { b.left = maxEntry }

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEntry
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// reader reads a Bundle entry by entry, whatever its size. JSON is read one way: a name that comes twice in an object, or bytes that
// are no UTF-8, are an error, because what is decided must be what the client reads.
type reader struct {
	*jsontext.Decoder
	in     *bounded
	each   func(e entry) error
	next   string // the link to the next page, if there is one
	bundle bool
}

// readBundle calls each for every entry and returns the link to the next page, if there is one. It reads to the end, so that the
// connection can be used again and nothing may follow the Bundle.
func readBundle(from io.Reader, each func(e entry) error) (next string, err error) {
	in := &bounded{r: from}
	in.reset()
	r := &reader{Decoder: jsontext.NewDecoder(in), in: in, each: each}
	if err := r.object(r.member); err != nil {
		return "", fmt.Errorf("read the server's Bundle: %w", err)
	}
	if _, err := r.ReadToken(); !r.bundle || !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the server's Bundle: %w", errors.Join(err, errUpstream))
	}
	return r.next, nil
}

// object reads an object; member reads the value of each of its members.
func (r *reader) object(member func(name string) error) error {
	if t, err := r.ReadToken(); err != nil || t.Kind() != '{' {
		return errors.Join(err, errUpstream)
	}
	for r.PeekKind() != '}' {
		t, err := r.ReadToken()
		if err != nil {
			return errors.Join(err, errUpstream)
		}
		if err := member(t.String()); err != nil {
			return err
		}
	}
	_, err := r.ReadToken()
	return err
}

func (r *reader) member(name string) error {
	switch name {
	case "entry":
		return r.entries()
	case "link":
		var links []bundleLink
		if err := r.into(&links); err != nil {
			return err
		}
		for _, l := range links {
			if l.Relation == "next" {
				r.next = l.URL
			}
		}
		return nil
	case "resourceType":
		var typ string
		err := r.into(&typ)
		r.bundle = typ == "Bundle"
		return err
	}
	return r.skip()
}

func (r *reader) skip() error {
	if err := r.SkipValue(); err != nil {
		return errors.Join(err, errUpstream)
	}
	return nil
}

// into reads a value that is no resource.
func (r *reader) into(v any) error {
	if err := json.UnmarshalDecode(r.Decoder, v); err != nil {
		return errors.Join(err, errUpstream)
	}
	return nil
}

func (r *reader) entries() error {
	if t, err := r.ReadToken(); err != nil || t.Kind() != '[' {
		return errors.Join(err, errUpstream)
	}
	for r.PeekKind() != ']' {
		r.in.reset()
		var e entry
		if err := r.object(func(name string) error { return r.part(&e, name) }); err != nil {
			return err
		}
		if err := r.each(e); err != nil {
			return err
		}
	}
	_, err := r.ReadToken()
	return err
}

func (r *reader) part(e *entry, name string) error {
	switch name {
	case "resource":
		raw, err := r.ReadValue()
		if err != nil {
			return errors.Join(err, errUpstream)
		}
		e.Resource = bytes.Clone(raw)
		return nil
	case "search":
		return r.into(&e.Search)
	case "request":
		return r.into(&e.Request)
	case "response":
		return r.into(&e.Response)
	}
	return r.skip()
}

// appendEntry writes an entry: the resource as it is, and of the rest what tells of it alone. at is Type/id.
func appendEntry(out []byte, base, at string, e *entry, resource []byte) []byte {
	out = appendMember(append(out, '{'), "fullUrl", base+"/"+at)
	out = append(append(out, `,"resource":`...), resource...)
	if e.Search.Mode != "" {
		out = append(appendMember(append(out, `,"search":{`...), "mode", e.Search.Mode), '}')
	}
	if e.Request.Method != "" {
		out = appendMember(append(out, `,"request":{`...), "method", e.Request.Method)
		out = append(appendMember(append(out, ','), "url", at), '}')
	}
	if e.Response.Status != "" {
		out = appendMember(append(out, `,"response":{`...), "status", e.Response.Status)
		for _, m := range [][2]string{{"etag", e.Response.ETag}, {"lastModified", e.Response.LastModified}} {
			if m[1] != "" {
				out = appendMember(append(out, ','), m[0], m[1])
			}
		}
		out = append(out, '}')
	}
	return append(out, '}')
}

// appendMember writes a text. What was read as JSON is UTF-8, so it can be written as such.
func appendMember(out []byte, name, value string) []byte {
	out = append(append(append(out, '"'), name...), `":`...)
	quoted, err := jsontext.AppendQuote(out, value)
	if err != nil { // no UTF-8; cannot be in what was read
		return append(out, strconv.QuoteToASCII("")...)
	}
	return quoted
}
