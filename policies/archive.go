package policies

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed rego/*.rego
var regoFiles embed.FS

// maxArchive bounds what FromArchive reads.
const maxArchive = 16 << 20

// sources is what decides: the Rego by file name, and the code systems as OPA's data document.
type sources struct {
	Format int               `json:"format"` // of the input that the Rego reads
	Rego   map[string]string `json:"-"`
	Data   []byte            `json:"-"`
}

// embeddedSources are those in the binary.
var embeddedSources = sync.OnceValues(func() (*sources, error) {
	t, err := embedded()
	if err != nil {
		return nil, err
	}
	s := &sources{Format: inputFormat, Rego: map[string]string{}}
	if s.Data, err = json.Marshal(map[string]any{"codes": t}); err != nil {
		return nil, fmt.Errorf("write code systems: %w", err)
	}
	files, err := regoFiles.ReadDir("rego")
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.rego") {
			continue
		}
		raw, err := regoFiles.ReadFile("rego/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		s.Rego["rego/"+f.Name()] = string(raw)
	}
	return s, nil
})

// digests are over contents, so that they do not depend on how an archive is packed.
func (s *sources) digests() (policy, codes [32]byte) {
	var w writer
	w.numbers(int64(s.Format))
	for _, name := range slices.Sorted(maps.Keys(s.Rego)) {
		w.text(name)
		w.text(s.Rego[name])
	}
	return sha256.Sum256(w), sha256.Sum256(s.Data)
}

// Archive returns the policies and code systems of the engine as a tar file that FromArchive reads, to be kept for ever
// under the digest returned: a decision names both parts (PolicyDigest, CodesDigest), and the digest is that of the file.
func (e *Engine) Archive() (file []byte, digest [32]byte, err error) {
	manifest, err := json.Marshal(e.src)
	if err != nil {
		return nil, digest, fmt.Errorf("write archive: %w", err)
	}
	content := map[string]string{"manifest.json": string(manifest), "data.json": string(e.src.Data)}
	maps.Copy(content, e.src.Rego)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(content)) {
		h := &tar.Header{Name: name, Mode: 0o444, Size: int64(len(content[name])), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, digest, fmt.Errorf("write archive: %w", err)
		}
		if _, err := w.Write([]byte(content[name])); err != nil {
			return nil, digest, fmt.Errorf("write archive: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, digest, fmt.Errorf("write archive: %w", err)
	}
	return buf.Bytes(), sha256.Sum256(buf.Bytes()), nil
}

// FromArchive makes an engine of an archive, so that a past decision can be taken again by its own policies. Algorithm
// and implicit policy are those of cfg, as the decision named them. The digests of the engine are those of the contents:
// compare them with the decision's.
func FromArchive(file []byte, cfg Config) (*Engine, error) {
	s := &sources{Rego: map[string]string{}}
	var manifest []byte
	for r := tar.NewReader(io.LimitReader(bytes.NewReader(file), maxArchive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		switch {
		case h.Name == "manifest.json":
			manifest = raw
		case h.Name == "data.json":
			s.Data = raw
		case strings.HasSuffix(h.Name, ".rego"):
			s.Rego[h.Name] = string(raw)
		default:
			return nil, fmt.Errorf("read archive: it holds %q, which does not belong", h.Name)
		}
	}
	if err := json.Unmarshal(manifest, s); err != nil {
		return nil, fmt.Errorf("read archive: its manifest: %w", err)
	}
	if s.Format != inputFormat {
		return nil, fmt.Errorf("read archive: its policies read inputs of format %d, this program writes %d", s.Format, inputFormat)
	}
	return open(s, cfg)
}
