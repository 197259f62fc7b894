package envs

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// notPacked are the files of an installation that are no part of a wheel.
var notPacked = []string{"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD.jws", "RECORD.p7s"}

// repack makes the wheel of an installed distribution again, from the files that it was installed with. The same installation gives the
// same bytes. What was changed since it was installed is an error: it would travel unnoticed.
func (d dist) repack(env, to string) (Wheel, error) {
	name, err := d.wheelName()
	if err != nil {
		return Wheel{}, err
	}
	files, err := d.members(env)
	if err != nil {
		return Wheel{}, err
	}
	f, err := os.Create(filepath.Join(to, name))
	if err != nil {
		return Wheel{}, err
	}
	h := sha256.New()
	n := &counter{w: io.MultiWriter(f, h)}
	err = errors.Join(d.zip(n, env, files), f.Close())
	return Wheel{Name: d.name, Version: d.version, File: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: n.n}, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// wheelName is name-version-tags.whl with the tags that the wheel had.
func (d dist) wheelName() (string, error) {
	text, err := os.ReadFile(filepath.Join(d.site, d.base+".dist-info", "WHEEL"))
	if err != nil {
		return "", fmt.Errorf("package %s was not installed from a wheel and cannot be exported: %w", d.name, err)
	}
	var parts [3][]string // Python, ABI, platform
	for _, tag := range headersOf(text, "Tag") {
		words := strings.Split(tag, "-")
		for k := range parts {
			if len(words) == 3 && !slices.Contains(parts[k], words[k]) {
				parts[k] = append(parts[k], words[k])
			}
		}
	}
	if len(parts[0]) == 0 {
		return "", fmt.Errorf("package %s: its WHEEL file has no tags", d.name)
	}
	var tags []string
	for _, p := range parts {
		tags = append(tags, strings.Join(p, "."))
	}
	name := d.base + "-" + strings.Join(tags, "-") + ".whl"
	if !wheelForm.MatchString(name) {
		return "", fmt.Errorf("package %s: %q cannot be the name of a wheel", d.name, name)
	}
	return name, nil
}

// member is a file of a wheel: where it lies in the environment, and in the wheel.
type member struct {
	file, name string
	script     bool // its first line names the environment's Python
	sum        string
}

// members are the files of the wheel. Programs that are made from entry points are made again at the other end.
func (d dist) members(env string) ([]member, error) {
	made := d.entryPoints()
	var out []member
	for _, r := range d.record {
		file := filepath.Join(d.site, r.path)
		info := d.base + ".dist-info/"
		if rel, ok := strings.CutPrefix(filepath.ToSlash(r.path), info); ok && slices.Contains(notPacked, rel) || strings.HasSuffix(r.path, ".pyc") {
			continue
		}
		if filepath.IsLocal(r.path) {
			out = append(out, member{file: file, name: filepath.ToSlash(filepath.Clean(r.path)), sum: r.sum})
			continue
		}
		rel, err := filepath.Rel(env, file)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("package %s has the file %s outside of the environment and cannot be exported", d.name, r.path)
		}
		rel = filepath.ToSlash(rel)
		program, isProgram := strings.CutPrefix(rel, "bin/")
		switch {
		case isProgram && slices.Contains(made, program):
		case isProgram:
			out = append(out, member{file: file, name: d.base + ".data/scripts/" + program, script: true, sum: r.sum})
		default:
			out = append(out, member{file: file, name: d.base + ".data/data/" + rel, sum: r.sum})
		}
	}
	slices.SortFunc(out, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// entryPoints are the programs that an installer makes itself.
func (d dist) entryPoints() (out []string) {
	text, err := os.ReadFile(filepath.Join(d.site, d.base+".dist-info", "entry_points.txt"))
	if err != nil {
		return nil // most packages have none
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ")
		} else if name, _, ok := strings.Cut(line, "="); ok && (section == "console_scripts" || section == "gui_scripts") {
			out = append(out, strings.TrimSpace(name))
		}
	}
	return out
}

func (d dist) zip(to io.Writer, env string, files []member) error {
	z := zip.NewWriter(to)
	var record [][]string
	for _, m := range files {
		sum, n, err := m.pack(z, env)
		if err != nil {
			return fmt.Errorf("package %s: %s: %w", d.name, m.name, err)
		}
		record = append(record, []string{m.name, "sha256=" + sum, strconv.FormatInt(n, 10)})
	}
	name := d.base + ".dist-info/RECORD"
	w, err := z.CreateHeader(header(name, 0o644))
	if err != nil {
		return err
	}
	c := csv.NewWriter(w)
	return errors.Join(c.WriteAll(append(record, []string{name, "", ""})), z.Close())
}

// header is the same for the same file whenever it is packed.
func header(name string, mode fs.FileMode) *zip.FileHeader {
	h := &zip.FileHeader{Name: path.Clean(name), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(mode)
	return h
}

// pack adds a file to the wheel and returns its hash, as RECORD has it, and its size.
func (m member) pack(z *zip.Writer, env string) (sum string, n int64, err error) {
	f, err := os.Open(m.file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", 0, errors.Join(err, errors.New("it is no file"))
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	w, err := z.CreateHeader(header(m.name, mode))
	if err != nil {
		return "", 0, err
	}
	var from io.Reader = f
	installed := sha256.New()
	if m.script {
		text, err := io.ReadAll(io.TeeReader(f, installed))
		if err != nil {
			return "", 0, err
		}
		from = bytes.NewReader(plainScript(text, env))
	} else {
		from = io.TeeReader(f, installed)
	}
	packed := sha256.New()
	if n, err = io.Copy(io.MultiWriter(w, packed), from); err != nil {
		return "", 0, err
	}
	if kind, want, ok := strings.Cut(m.sum, "="); ok && kind == "sha256" && want != encodeSum(installed.Sum(nil)) {
		return "", 0, errors.New("it was changed after it was installed; remove the environment with its releases, and deploy again")
	}
	return encodeSum(packed.Sum(nil)), n, nil
}

func encodeSum(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum) }

// longLine is how installers begin a script when the path of the Python is too long for a first line.
var longLine = regexp.MustCompile(`^#!/bin/sh\n'''exec' [^\n]*\n' '''\n`)

// plainScript takes the environment's Python out of a script's first line: the next installer writes its own.
func plainScript(text []byte, env string) []byte {
	if m := longLine.Find(text); m != nil && bytes.Contains(m, []byte(env)) {
		return append([]byte("#!python\n"), text[len(m):]...)
	}
	first, rest, ok := bytes.Cut(text, []byte("\n"))
	if ok && bytes.HasPrefix(first, []byte("#!"+env)) {
		return append([]byte("#!python\n"), rest...)
	}
	return text
}
