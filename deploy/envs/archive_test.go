package envs

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// exported is an environment of two packages, one with programs, and its archive.
func exported(t *testing.T) (b *Builder, res Result, archive []byte) {
	t.Helper()
	dir := tree(t, map[string]string{"main.py": "", "requirements.txt": "--no-index\n--find-links wheels\ndemo-pkg\n"})
	wheel(t, filepath.Join(dir, "wheels"), "demo_pkg", "1.2", "helper_pkg")
	wheel(t, filepath.Join(dir, "wheels"), "helper_pkg", "3.0")
	addToWheel(t, filepath.Join(dir, "wheels", "helper_pkg-3.0-py3-none-any.whl"), map[string]string{
		"helper_pkg-3.0.data/scripts/helper":          "#!python\nimport sys; print('from', sys.prefix)\n",
		"helper_pkg-3.0.data/data/share/helper/table": "a,b\n",
		"helper_pkg-3.0.dist-info/entry_points.txt":   "[console_scripts]\nhelp-me = helper_pkg:main\n",
	})
	b = builder(t)
	out := &output{}
	res, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil {
		t.Fatalf("%v\n%s", err, out.all())
	}
	var buf bytes.Buffer
	must(t, b.Export(t.Context(), res.Key, time.Unix(1e9, 0), &buf, func(Archive) {}))
	return b, res, buf.Bytes()
}

// addToWheel packs more files into a wheel; its RECORD does not need to name them.
func addToWheel(t *testing.T, file string, more map[string]string) {
	t.Helper()
	old, err := zip.OpenReader(file)
	must(t, err)
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range old.File {
		must(t, z.Copy(f))
	}
	for name, text := range more {
		mode := os.FileMode(0o644)
		if strings.Contains(name, "/scripts/") {
			mode = 0o755
		}
		w, err := z.CreateHeader(header(name, mode))
		must(t, err)
		_, err = io.WriteString(w, text)
		must(t, err)
	}
	must(t, errors.Join(z.Close(), old.Close(), os.WriteFile(file, buf.Bytes(), 0o644)))
}

func offline(t *testing.T) *Builder {
	t.Helper()
	dir := t.TempDir()
	return New(Config{Root: filepath.Join(dir, "envs"), Wheels: filepath.Join(dir, "wheels"), Tools: filepath.Join(dir, "tools"), UV: "none", Offline: true})
}

// An environment goes to a machine without network, and is built there from what was exported.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	from, res, archive := exported(t)
	var again bytes.Buffer
	must(t, from.Export(t.Context(), res.Key, time.Unix(1e9, 0), &again, func(Archive) {}))
	if !bytes.Equal(again.Bytes(), archive) {
		t.Error("the same environment gives another archive")
	}
	b := offline(t)
	got, err := b.Import(t.Context(), bytes.NewReader(archive))
	if err != nil || got.New < 2 || got.Key != res.Key || len(got.Warnings) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if second, err := b.Import(t.Context(), bytes.NewReader(archive)); err != nil || second.New != 0 {
		t.Errorf("a second import: %+v, %v", second, err)
	}
	// The hash is that of the index's file; the imported wheel is as good.
	dir := tree(t, map[string]string{"main.py": "", "requirements.txt": "demo-pkg==1.2 \\\n    --hash=" + sum256 + "\nhelper_pkg==3.0 --hash=" + sum256 + " # via demo-pkg\n"})
	out := &output{}
	built, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil {
		t.Fatalf("%v\n%s", err, out.all())
	}
	bin := filepath.Join(built.Dir, "bin")
	said, err := exec.Command(filepath.Join(bin, "python"), "-c", "import demo_pkg, helper_pkg; print(demo_pkg.VERSION, helper_pkg.VERSION)").CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "1.2 3.0" {
		t.Errorf("%q, %v", said, err)
	}
	said, err = exec.Command(filepath.Join(bin, "helper")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "from "+built.Dir {
		t.Errorf("the program says %q, %v", said, err)
	}
	for _, f := range []string{"bin/help-me", "share/helper/table"} {
		if !isFile(built.Dir, f) {
			t.Errorf("%s is missing", f)
		}
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Key != built.Key || list[0].Bytes == 0 || list[0].Files == 0 || list[0].Seconds == 0 {
		t.Errorf("%+v, %v", list, err)
	}
	packages, err := b.Packages(built.Key)
	if err != nil || !slices.ContainsFunc(packages, func(p Package) bool { return p.Name == "demo_pkg" && p.Version == "1.2" && p.Bytes > 0 }) {
		t.Errorf("%+v, %v", packages, err)
	}
	expectRefusals(t, from, res)
}

func expectRefusals(t *testing.T, b *Builder, res Result) {
	t.Helper()
	export := func(key string) error {
		return b.Export(t.Context(), key, time.Unix(1e9, 0), io.Discard, func(Archive) { t.Error("it began") })
	}
	for _, key := range []string{"gone", "", "..", "../envs", ".uv-cache"} {
		if err := export(key); !errors.Is(err, ErrNoEnvironment) {
			t.Errorf("%q: %v", key, err)
		}
	}
	found, err := filepath.Glob(filepath.Join(res.Dir, "lib", "*", "site-packages", "demo_pkg.py"))
	must(t, err)
	write(t, found[0], "VERSION = 'hacked'\n")
	if err := export(res.Key); err == nil || !strings.Contains(err.Error(), "demo_pkg.py: it was changed after it was installed") {
		t.Errorf("a changed file: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(b.cfg.Root, ".export-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// change rewrites an archive entry by entry; a nil text leaves the entry out.
func change(t *testing.T, archive []byte, edit func(name string, text []byte) (string, []byte)) []byte {
	t.Helper()
	var buf bytes.Buffer
	in, out := tar.NewReader(bytes.NewReader(archive)), tar.NewWriter(&buf)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		text, err := io.ReadAll(in)
		must(t, err)
		if h.Name, text = edit(h.Name, text); text == nil {
			continue
		}
		h.Size = int64(len(text))
		must(t, out.WriteHeader(h))
		_, err = out.Write(text)
		must(t, err)
	}
	must(t, out.Close())
	return buf.Bytes()
}

// archiveOf is an archive of wheels of the version 1.2.
func archiveOf(t *testing.T, names ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	about := Archive{Format: archiveFormat, Key: "py3-x", Python: "3.11.7"}
	for _, name := range names {
		wheel(t, dir, name, "1.2")
		w := Wheel{Name: name, Version: "1.2", File: name + "-1.2-py3-none-any.whl"}
		info, err := os.Stat(filepath.Join(dir, w.File))
		must(t, err)
		w.Size = info.Size()
		w.SHA256, err = fileSum(filepath.Join(dir, w.File))
		must(t, err)
		about.Wheels = append(about.Wheels, w)
	}
	var buf bytes.Buffer
	must(t, writeArchive(t.Context(), &buf, about, dir))
	return buf.Bytes()
}

func TestImportRefused(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, "demo_pkg", "helper_pkg")
	// about changes the description, and with it the names of entries.
	about := func(edit func(*Archive)) []byte {
		return change(t, archive, func(name string, text []byte) (string, []byte) {
			if name != entryAbout {
				return name, text
			}
			var a Archive
			must(t, json.Unmarshal(text, &a))
			edit(&a)
			text, err := json.Marshal(a)
			must(t, err)
			return name, text
		})
	}
	firstWheel := func(edit func(name string, text []byte) (string, []byte)) []byte {
		done := false
		return change(t, archive, func(name string, text []byte) (string, []byte) {
			if done || !strings.HasPrefix(name, entryDir) {
				return name, text
			}
			done = true
			return edit(name, text)
		})
	}
	for name, c := range map[string]struct {
		archive []byte
		says    string
	}{
		"nothing":            {nil, "does not begin with environment.json"},
		"another file":       {[]byte("PK\x03\x04 this is a zip"), "does not begin with environment.json"},
		"another format":     {about(func(a *Archive) { a.Format = 9 }), "its format is 9"},
		"cut off":            {archive[:len(archive)*2/3], "ends too early"},
		"a changed wheel":    {firstWheel(func(name string, text []byte) (string, []byte) { text[len(text)/2] ^= 1; return name, text }), "the hash of demo_pkg-1.2"},
		"a longer wheel":     {firstWheel(func(name string, text []byte) (string, []byte) { return name, append(text, 0) }), "is not what its description lists"},
		"a missing wheel":    {firstWheel(func(name string, _ []byte) (string, []byte) { return name, nil }), "is missing"},
		"an unlisted file":   {firstWheel(func(_ string, text []byte) (string, []byte) { return "wheels/../../x.whl", text }), "is not what its description lists"},
		"a path for a wheel": {about(func(a *Archive) { a.Wheels[0].File = "../" + a.Wheels[0].File }), "is no wheel"},
		"a hidden wheel":     {about(func(a *Archive) { a.Wheels[0].File = ".x-1-py3-none-any.whl" }), "is no wheel"},
		"another name":       {about(func(a *Archive) { a.Wheels[0].Name = "torch" }), "is not torch 1.2"},
		"twice":              {about(func(a *Archive) { a.Wheels = append(a.Wheels, a.Wheels[0]) }), "twice"},
		"another processor":  {about(func(a *Archive) { a.Wheels[0].File = "demo_pkg-1.2-cp311-cp311-manylinux_2_17_mips.whl" }), "is for mips"},
		"another system":     {about(func(a *Archive) { a.Wheels[0].File = "demo_pkg-1.2-cp311-cp311-win_amd64.whl" }), "is for win_amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := offline(t)
			_, err := b.Import(t.Context(), bytes.NewReader(c.archive))
			if !errors.Is(err, ErrArchive) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want it to say %q", err, c.says)
			}
			if left, err := os.ReadDir(b.cfg.Wheels); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	m := machine{os: "linux", arch: "x86_64", major: 2, sub: 31}
	for file, refused := range map[string]string{
		"a-1-py3-none-any.whl":                                            "",
		"a-1-py2.py3-none-any.whl":                                        "",
		"a-1-cp311-cp311-linux_x86_64.whl":                                "",
		"a-1-cp311-cp311-manylinux2014_x86_64.whl":                        "",
		"a-1-cp311-cp311-manylinux_2_28_x86_64.whl":                       "",
		"a-1-cp311-cp311-manylinux_2_34_x86_64.whl":                       "needs glibc 2.34, and this machine has 2.31",
		"a-1-cp311-cp311-manylinux_2_34_x86_64.manylinux_2_17_x86_64.whl": "",
		"a-1-cp311-cp311-musllinux_1_2_x86_64.whl":                        "needs musl",
		"a-1-cp311-cp311-manylinux_2_17_aarch64.whl":                      "is for aarch64",
		"a-1-cp311-cp311-linux_i686.whl":                                  "is for i686",
		"a-1-cp311-cp311-macosx_11_0_arm64.whl":                           "is for macosx_11_0_arm64",
	} {
		why := m.refuses(file)
		if (why == "") != (refused == "") || !strings.Contains(why, refused) {
			t.Errorf("%s: %q", file, why)
		}
	}
	if here := thisMachine(t.Context()); here.os != runtime.GOOS || here.arch == "" {
		t.Errorf("this machine: %+v", here)
	}
}

func TestScriptsLoseTheirPython(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#!/envs/x/bin/python\nimport a\n":                                            "#!python\nimport a\n",
		"#!/bin/sh\n'''exec' \"/envs/x/bin/python\" \"$0\" \"$@\"\n' '''\nimport a\n": "#!python\nimport a\n",
		"#!/bin/sh\necho\n": "#!/bin/sh\necho\n",
		"\x7fELF":           "\x7fELF",
	} {
		if got := string(plainScript([]byte(text), "/envs/x")); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzImport(f *testing.F) {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	about := `{"format":1,"wheels":[{"name":"a","version":"1","file":"a-1-py3-none-any.whl","sha256":"` + strings.Repeat("0", 64) + `","size":1}]}`
	for name, text := range map[string]string{entryAbout: about} {
		if err := errors.Join(t.WriteHeader(entry(name, int64(len(text)), time.Unix(0, 0)))); err != nil {
			f.Fatal(err)
		}
		if _, err := io.WriteString(t, text); err != nil {
			f.Fatal(err)
		}
	}
	if err := t.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		b := New(Config{Root: filepath.Join(dir, "envs"), Wheels: filepath.Join(dir, "wheels"), UV: "none", Python: "no-such-python"})
		if _, err := b.Import(t.Context(), bytes.NewReader(archive)); err == nil {
			return
		}
		left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("a refused import left %q, %v", left, err)
		}
	})
}
