package checks

import (
	"bytes"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// root is the repository, seen from this package.
const root = "../.."

const maxFileSize = 1 << 20

// trackedFiles returns the paths that Git knows, with slashes, below root.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var files []string
	for _, f := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, f)); err == nil { // deleted and not yet committed
			files = append(files, f)
		}
	}
	if len(files) < 50 {
		t.Fatalf("git knows %d files only", len(files))
	}
	return files
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesAreSmallAndText(t *testing.T) {
	binary := regexp.MustCompile(`^(examples/[^/]+/samples/|docs/images/|web/public/)|/testdata/`)
	for _, f := range trackedFiles(t) {
		data := read(t, f)
		if len(data) > maxFileSize {
			t.Errorf("%s has %d bytes; files stay below %d", f, len(data), maxFileSize)
		}
		if (bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data)) && !binary.MatchString(f) {
			t.Errorf("%s is not text; binary files belong into samples or testdata", f)
		}
	}
}

func TestGoFilesAreFormatted(t *testing.T) {
	for _, f := range trackedFiles(t) {
		if !strings.HasSuffix(f, ".go") {
			continue
		}
		data := read(t, f)
		want, err := format.Source(data)
		if err != nil {
			t.Errorf("%s: %v", f, err)
		} else if !bytes.Equal(data, want) {
			t.Errorf("%s is not formatted: gofmt -w %s", f, f)
		}
	}
}

// The words are put together here, so that this file does not hold them.
var unwanted = map[string]*regexp.Regexp{
	"a note to finish something later": regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`),
	"a path of somebody's machine":     regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(wo` + `rk|ro` + `ot|Us` + `ers)/`),
	"the host of a package registry":   regexp.MustCompile(`proxy\.gol` + `ang\.org|registry\.np` + `mjs\.org|files\.python` + `hosted\.org`),
	"a skipped test":                   regexp.MustCompile(`\bt\.Sk` + `ip(f|Now)?\(`),
}

// exempt are files that hold such words for a reason.
var exempt = map[string]string{
	"LICENSE":                     "not our text",
	"internal/servers/servers.go": "not every machine has database servers; where the project itself is checked, that is a failure",
	"daemon/disk_test.go":         "a kernel may forbid mount namespaces; where the project itself is checked, that is a failure",
}

func TestNoUnwantedWords(t *testing.T) {
	for _, f := range trackedFiles(t) {
		data := read(t, f)
		if exempt[f] != "" || bytes.IndexByte(data, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(data), "\n") {
			for what, re := range unwanted {
				if m := re.FindString(line); m != "" {
					t.Errorf("%s:%d: %q is %s", f, i+1, m, what)
				}
			}
		}
	}
}
