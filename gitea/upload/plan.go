package upload

import (
	"fmt"
	"slices"
	"strings"

	"aictl/gitea/lfs"
)

// The modes of files in a tree.
const (
	modeFile = "100644"
	modeExec = "100755"
	modeLink = "120000"
)

// entry is one file to be uploaded.
type entry struct {
	path    string // in the repository
	from    string // on this machine; "" for content that is made
	content []byte // when from is ""
	mode    string
	size    int64
	blob    string      // SHA-1 of what the repository holds: the content, or the pointer to it
	object  lfs.Pointer // when it is kept by LFS
}

func (e entry) large() bool { return e.object.OID != "" }

// weight is what an entry counts in a stage, in bytes: a tiny file is work, too, and of a large one only its pointer is in the
// commit.
func (e entry) weight() int64 {
	if e.large() {
		return 512
	}
	return e.size + 512
}

// inTree is what a repository has of a path.
type inTree struct{ mode, blob string }

// stage is what becomes one commit.
type stage struct {
	files   []entry
	removed []string
	bytes   int64
}

// Limits of one stage.
type limits struct {
	files int
	bytes int64
}

// plan says what is to be committed so that a tree has all entries, and with prune nothing else below prefix: in the order of
// paths, in as many commits as the limits ask for.
func plan(tree map[string]inTree, entries []entry, prune bool, prefix string, most limits) []stage {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	var stages []stage
	var now stage
	wanted := make(map[string]bool, len(entries))
	for _, e := range entries {
		wanted[e.path] = true
		if tree[e.path] == (inTree{e.mode, e.blob}) {
			continue
		}
		if len(now.files) > 0 && (len(now.files) >= most.files || now.bytes+e.weight() > most.bytes) {
			stages = append(stages, now)
			now = stage{}
		}
		now.files = append(now.files, e)
		now.bytes += e.weight()
	}
	if prune {
		for path := range tree {
			if !wanted[path] && path != attributesFile && (prefix == "" || strings.HasPrefix(path, prefix+"/")) {
				now.removed = append(now.removed, path)
			}
		}
		slices.Sort(now.removed)
	}
	if len(now.files)+len(now.removed) > 0 {
		stages = append(stages, now)
	}
	return stages
}

// attributesFile says which files LFS keeps.
const attributesFile = ".gitattributes"

// attributes adds a line to a .gitattributes file for every path that LFS keeps and that has none yet. The last line
// that matches counts, so they come at the end.
func attributes(text []byte, paths []string) []byte {
	have := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		have[strings.TrimSpace(line)] = true
	}
	var b strings.Builder
	b.Write(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	for _, p := range slices.Sorted(slices.Values(paths)) {
		if line := attribute(p); !have[line] {
			b.WriteString(line + "\n")
		}
	}
	return []byte(b.String())
}

// attribute is the line for exactly one path.
func attribute(path string) string {
	var b strings.Builder
	for _, r := range "/" + path {
		if strings.ContainsRune(`*?[]\!`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	pattern := b.String()
	if strings.ContainsFunc(pattern, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }) {
		pattern = quote(pattern)
	}
	return pattern + " filter=lfs diff=lfs merge=lfs -text"
}

// quote writes a path as git does where it is not plain: in quotes, with C's escapes.
func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
