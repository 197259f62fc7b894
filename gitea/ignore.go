package gitea

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// ignores are the .gitignore files seen on the way down a folder, those of a repository around it first.
type ignores struct {
	dir      string
	above    []string // dir's path below the root of the repository around it
	patterns []gitignore.Pattern
}

func newIgnores(dir string) *ignores {
	g := &ignores{dir: dir}
	root := dir
	for !IsRepository(root) {
		up := filepath.Dir(root)
		if up == root {
			return g // no repository around it
		}
		root = up
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return g
	}
	g.above = strings.Split(rel, string(filepath.Separator))
	at := root
	g.read(filepath.Join(root, ".git", "info", "exclude"), nil)
	for i := range g.above {
		g.read(filepath.Join(at, ".gitignore"), g.above[:i])
		at = filepath.Join(at, g.above[i])
	}
	if g.matchPath(g.above, true) {
		// Deploying a folder that its repository ignores is a wish, not an accident.
		g.patterns = nil
	}
	return g
}

// enter reads the ignore files of the folder rel.
func (g *ignores) enter(rel string) {
	g.read(filepath.Join(g.dir, rel, ".gitignore"), g.path(rel))
	g.read(filepath.Join(g.dir, rel, IgnoreFile), g.path(rel))
}

// match reports whether the file or folder rel is ignored.
func (g *ignores) match(rel string, isDir bool) bool { return g.matchPath(g.path(rel), isDir) }

func (g *ignores) matchPath(path []string, isDir bool) bool {
	return gitignore.NewMatcher(g.patterns).Match(path, isDir)
}

func (g *ignores) path(rel string) []string {
	out := append([]string{}, g.above...)
	if rel != "" {
		out = append(out, strings.Split(rel, string(filepath.Separator))...)
	}
	return out
}

// read adds a file's patterns; a file that is missing or cannot be read ignores nothing.
func (g *ignores) read(file string, domain []string) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := strings.TrimRight(sc.Text(), " \t\r")
		if line != "" && !strings.HasPrefix(line, "#") {
			g.patterns = append(g.patterns, gitignore.ParsePattern(line, domain))
		}
	}
}
