package envs

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree writes files into a new folder; names that end in ".sh" are executable.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasSuffix(file, ".sh") {
		mode = 0o755
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(text), mode))
}

// wheel writes a package of one module, which knows its version, as pip wants it.
func wheel(t *testing.T, dir, name, version string, needs ...string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	f, err := os.Create(filepath.Join(dir, name+"-"+version+"-py3-none-any.whl"))
	must(t, err)
	z := zip.NewWriter(f)
	info := name + "-" + version + ".dist-info/"
	meta := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
	for _, n := range needs {
		meta += "Requires-Dist: " + n + "\n"
	}
	record := ""
	for _, e := range [][2]string{
		{name + ".py", "VERSION = '" + version + "'\n"},
		{info + "METADATA", meta},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", ""},
	} {
		if e[1] == "" {
			e[1] = record + e[0] + ",,\n"
		}
		sum := sha256.Sum256([]byte(e[1]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", e[0], base64.RawURLEncoding.EncodeToString(sum[:]), len(e[1]))
		w, err := z.Create(e[0])
		must(t, err)
		_, err = w.Write([]byte(e[1]))
		must(t, err)
	}
	must(t, z.Close())
	must(t, f.Close())
}

// output collects the lines of programs.
type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

// request asks for the environment of a checkout.
func request(t *testing.T, dir string, out *output) Request {
	t.Helper()
	return Request{Root: dir, Dir: dir, Manifest: *configs.DefaultManifest(), Log: out.add, Mark: t.TempDir()}
}

// builder uses the machine's python and pip.
func builder(t *testing.T) *Builder {
	t.Helper()
	return New(Config{Root: filepath.Join(t.TempDir(), "envs"), UV: "none"})
}

// waitFor polls until ok holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("timed out: %s", what)
		}
	}
}
