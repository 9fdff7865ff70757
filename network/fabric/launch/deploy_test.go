package launch_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The files for several hosts are never run here, so this test reads them as their readers would: the compose files as
// YAML of the shape that compose takes, each variable as a setting that a peer or an orderer has, the units as systemd's.

const deployDir = "../deploy"

// composeFile is as much of the compose format as the files use; a key that is not here is a mistake.
type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]struct{}       `yaml:"volumes"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       map[string]string `yaml:"build"`
	Command     []string          `yaml:"command"`
	Restart     string            `yaml:"restart"`
	ReadOnly    bool              `yaml:"read_only"` //nolint:tagliatelle // compose's
	CapDrop     []string          `yaml:"cap_drop"`  //nolint:tagliatelle // compose's
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	DependsOn   []string          `yaml:"depends_on"` //nolint:tagliatelle // compose's
}

func TestComposeFiles(t *testing.T) {
	sample := variables(t)
	for _, c := range []struct {
		file, service, prefix, settings string
	}{
		{"compose.yaml", "peer", "CORE_", "core.yaml"}, {"compose-orderer.yaml", "orderer", "ORDERER_", "orderer.yaml"},
	} {
		t.Run(c.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(deployDir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			var f composeFile
			d := yaml.NewDecoder(bytes.NewReader(b))
			d.KnownFields(true)
			if err := d.Decode(&f); err != nil {
				t.Fatal(err)
			}
			for _, v := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(b), -1) {
				if !slices.Contains(sample, v[1]) {
					t.Errorf(".env.example does not have %s", v[1])
				}
			}
			for name, s := range f.Services {
				checkService(t, f, name, s)
			}
			known := settings(t, c.settings)
			for key := range f.Services[c.service].Environment {
				setting, ok := strings.CutPrefix(key, c.prefix)
				if ok && !slices.Contains(known, setting) {
					t.Errorf("%s is no setting of %s", key, c.settings)
				}
			}
		})
	}
}

func checkService(t *testing.T, f composeFile, name string, s composeService) {
	t.Helper()
	if !regexp.MustCompile(`^(hyperledger/fabric-(peer|orderer):\$\{FABRIC_VERSION\}|volens-chaincode:\$\{VOLENS_VERSION\})$`).MatchString(s.Image) {
		t.Errorf("%s runs %q", name, s.Image)
	}
	for _, v := range s.Volumes {
		source, _, _ := strings.Cut(v, ":")
		if _, ok := f.Volumes[source]; !ok && !strings.HasPrefix(source, "./crypto/") {
			t.Errorf("%s mounts %s, which is not there", name, source)
		}
	}
	for _, other := range s.DependsOn {
		if _, ok := f.Services[other]; !ok {
			t.Errorf("%s depends on %s, which is not there", name, other)
		}
	}
	for _, p := range s.Ports {
		if !regexp.MustCompile(`^((127\.0\.0\.1:)?\d+):\d+$`).MatchString(p) {
			t.Errorf("%s publishes %q", name, p)
		}
	}
	if s.Build != nil {
		if _, err := os.Stat(filepath.Join(deployDir, s.Build["context"], s.Build["dockerfile"])); err != nil {
			t.Error(err)
		}
	}
}

func variables(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deployDir, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		name, _, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("not a variable: %q", line)
		}
		names = append(names, name)
	}
	return names
}

// settings lists the settings of a configuration file that Up writes, in the form that environment variables have.
func settings(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("templates", file))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAll(b, []byte("x")), &tree); err != nil {
		t.Fatal(err)
	}
	return flatten("", tree)
}

func flatten(prefix string, tree map[string]any) []string {
	var keys []string
	for k, v := range tree {
		key := prefix + strings.ToUpper(k)
		if sub, ok := v.(map[string]any); ok {
			keys = append(keys, flatten(key+"_", sub)...)
		}
		keys = append(keys, key)
	}
	return keys
}

func TestUnits(t *testing.T) {
	units, err := filepath.Glob(filepath.Join(deployDir, "*.service"))
	if err != nil || len(units) != 3 {
		t.Fatalf("units: %v, %v", units, err)
	}
	section := regexp.MustCompile(`^\[(Unit|Service|Install)\]$`)
	setting := regexp.MustCompile(`^[A-Z][A-Za-z]+=\S.*$`)
	dir := t.TempDir()
	for _, path := range units {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var sections []string
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case section.MatchString(line):
				sections = append(sections, line)
			case line != "" && line[0] != '#' && !setting.MatchString(line):
				t.Errorf("%s: %q", path, line)
			}
		}
		if strings.Join(sections, "") != "[Unit][Service][Install]" || !strings.Contains(string(b), "\nExecStart=/usr/local/bin/") {
			t.Errorf("%s has sections %v", path, sections)
		}
		// The programs are not installed where this test runs.
		runnable := regexp.MustCompile(`(?m)^ExecStart=.*$`).ReplaceAll(b, []byte("ExecStart=/bin/true"))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), runnable, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: only the form was checked")
		return
	}
	names := []string{"verify", "--man=no"}
	for _, path := range units {
		names = append(names, filepath.Join(dir, filepath.Base(path)))
	}
	out, err := exec.Command(verify, names...).CombinedOutput()
	if strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	} else if err != nil {
		t.Logf("systemd-analyze does not work here: %v\n%s", err, out)
	}
}
