package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// entry is an entry of a Bundle, as it comes and as it goes. What is not named here does not go.
type entry struct {
	FullURL  string          `json:"fullUrl,omitempty"`
	Resource json.RawMessage `json:"resource,omitempty"`
	Search   *struct {
		Mode string `json:"mode,omitempty"`
	} `json:"search,omitempty"`
	Request *struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	} `json:"request,omitempty"`
	Response *struct {
		Status       string `json:"status"`
		ETag         string `json:"etag,omitempty"`
		LastModified string `json:"lastModified,omitempty"`
	} `json:"response,omitempty"`
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

// readBundle reads a Bundle entry by entry, whatever its size, and returns the link to the next page, if there is one.
func readBundle(r io.Reader, each func(e entry) error) (next string, err error) {
	b := &bounded{r: r}
	b.reset()
	d := json.NewDecoder(b)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", fmt.Errorf("read the server's Bundle: %w", errors.Join(err, errUpstream))
	}
	bundle := false
	for d.More() {
		name, err := d.Token()
		if err == nil {
			switch name {
			case "entry":
				err = readEntries(d, b, each)
			case "link":
				next, err = readNext(d)
			case "resourceType":
				var typ string
				err = d.Decode(&typ)
				bundle = typ == "Bundle"
			default:
				err = d.Decode(new(json.RawMessage))
			}
		}
		if err != nil {
			return "", fmt.Errorf("read the server's Bundle: %w", err)
		}
	}
	if _, err := d.Token(); err != nil || !bundle {
		return "", fmt.Errorf("read the server's Bundle: %w", errors.Join(err, errUpstream))
	}
	return next, nil
}

func readNext(d *json.Decoder) (next string, err error) {
	var links []bundleLink
	err = d.Decode(&links)
	for _, l := range links {
		if l.Relation == "next" {
			next = l.URL
		}
	}
	return next, err
}

func readEntries(d *json.Decoder, b *bounded, each func(e entry) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, errUpstream)
	}
	for d.More() {
		b.reset()
		var e entry
		if err := d.Decode(&e); err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}
