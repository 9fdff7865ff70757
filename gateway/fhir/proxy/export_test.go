package proxy

import (
	"io"
	"net/url"

	"github.com/volens-ledger/volens/policies/label"
)

// ReadBundle is readBundle for fuzzing: the resources of a Bundle, and its next link.
func ReadBundle(r io.Reader) (resources [][]byte, next string, err error) {
	next, err = readBundle(r, func(e entry) error {
		resources = append(resources, e.Resource)
		return nil
	})
	return resources, next, err
}

// Look reads a resource for fuzzing: the patients whose data it is, whether that can be told, and its bytes with its labels in.
func Look(raw []byte) (subjects []string, known bool, labelled []byte, err error) {
	labels, err := label.Default()
	if err != nil {
		return nil, false, nil, err
	}
	p := &Proxy{cfg: Config{Labels: labels}, upstream: &url.URL{Scheme: "http", Host: "upstream.example"}, base: "http://proxy.example"}
	it, err := p.look(raw)
	if err != nil {
		return nil, false, nil, err
	}
	labelled, err = label.Insert(raw, "security", it.untold()...)
	return it.subjects, it.known, labelled, err
}
