package demo_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/volens-ledger/volens/cmd/volens/demo"
)

// open starts a world in dir on a free port.
func open(t *testing.T, dir string) *demo.World {
	t.Helper()
	w, err := demo.Open(t.Context(), demo.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestStory(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "world"))
	defer func() {
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	steps := 0
	err := w.Story(t.Context(), func(s demo.Step) error {
		steps++
		var b bytes.Buffer
		if err := s.Print(&b); err != nil {
			return err
		}
		t.Log("\n" + b.String())
		line, err := json.Marshal(s)
		if err == nil && !json.Valid(line) {
			t.Errorf("step %d is no JSON: %s", s.Step, line)
		}
		if s.Step != steps || s.OK != (s.Error == "") || len(s.Evidence) == 0 {
			t.Errorf("step %+v", s)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if steps != 22 {
		t.Errorf("%d steps", steps)
	}
}
