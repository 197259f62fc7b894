package checks

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// document is what the tests look at in a Markdown file.
type document struct {
	headings []heading
	code     []string // fenced blocks with their info line
	links    []string
}

type heading struct {
	depth int
	text  string
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func parseMarkdown(text string) document {
	var d document
	fence, block := "", []string(nil)
	for _, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case fence != "":
			block = append(block, line)
			if strings.TrimSpace(line) == fence {
				d.code = append(d.code, strings.Join(block, "\n"))
				fence, block = "", nil
			}
		case strings.HasPrefix(trimmed, "```"):
			fence, block = "```", []string{line}
		case strings.HasPrefix(line, "#"):
			text := strings.TrimLeft(line, "#")
			d.headings = append(d.headings, heading{len(line) - len(text), strings.TrimSpace(text)})
		default:
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				d.links = append(d.links, m[1])
			}
		}
	}
	return d
}

func TestReadmesAreLevel(t *testing.T) {
	english := parseMarkdown(string(read(t, "README.md")))
	chinese := parseMarkdown(string(read(t, "README.zh-CN.md")))
	for i := range max(len(english.headings), len(chinese.headings)) {
		if i >= len(english.headings) || i >= len(chinese.headings) || english.headings[i].depth != chinese.headings[i].depth {
			t.Fatalf("the headings part at number %d:\nREADME.md: %v\nREADME.zh-CN.md: %v", i+1, english.headings[i:], chinese.headings[i:])
		}
	}
	for i := range max(len(english.code), len(chinese.code)) {
		if i >= len(english.code) || i >= len(chinese.code) {
			t.Fatalf("README.md has %d code blocks, README.zh-CN.md %d", len(english.code), len(chinese.code))
		}
		if e, c := withoutComments(english.code[i]), withoutComments(chinese.code[i]); e != c {
			t.Errorf("code block %d differs:\nREADME.md:\n%s\nREADME.zh-CN.md:\n%s", i+1, e, c)
		}
	}
}

// withoutComments takes the comments out, which are translated.
func withoutComments(block string) string {
	comment := regexp.MustCompile(`(^|\s+)#.*$`)
	var lines []string
	for _, line := range strings.Split(block, "\n") {
		if line = strings.TrimRight(comment.ReplaceAllString(line, ""), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestLocalLinksResolve(t *testing.T) {
	for _, f := range trackedFiles(t) {
		if !strings.HasSuffix(f, ".md") {
			continue
		}
		for _, target := range parseMarkdown(string(read(t, f))).links {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checkLink(t, f, target)
		}
	}
}

func checkLink(t *testing.T, from, target string) {
	t.Helper()
	path, anchor, _ := strings.Cut(target, "#")
	file := from
	if path != "" {
		file = filepath.ToSlash(filepath.Join(filepath.Dir(from), path))
	}
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		t.Errorf("%s links to %s, which is not there", from, target)
		return
	}
	if anchor == "" || !strings.HasSuffix(file, ".md") {
		return
	}
	headings := parseMarkdown(string(read(t, file))).headings
	if !slices.ContainsFunc(headings, func(h heading) bool { return slug(h.text) == anchor }) {
		t.Errorf("%s links to %s, but %s has no such heading", from, target, file)
	}
}

// slug is a heading as forges make anchors of it.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
