package configs

import (
	"fmt"
	"path"
	"strings"
)

// maxPatterns bounds each list of globs in the section: all are looked at with every push.
const maxPatterns = 100

// DeploySection says which pushes to the repository deploy the service by themselves.
type DeploySection struct {
	// Auto false leaves deploying to people.
	Auto bool `yaml:"auto" json:"auto"`
	// Branch is the one whose pushes deploy; "" is the service's ref, or the repository's default branch when it has none, and
	// no branch when Tags are given.
	Branch string `yaml:"branch,omitempty" json:"branch,omitempty"`
	// Tags are globs over the names of tags that deploy when they are pushed; none: no tag does.
	Tags []string `yaml:"tags,omitempty" json:"tags,omitempty"`
	// Paths are globs over changed files, of which a push must touch one; none: any. Ignore are files that do not count. See MatchPath.
	Paths  []string `yaml:"paths,omitempty" json:"paths,omitempty"`
	Ignore []string `yaml:"ignore,omitempty" json:"ignore,omitempty"`
	// Previews gives every open pull request an instance of its own.
	Previews bool `yaml:"previews,omitempty" json:"previews,omitempty"`
}

// fromWord lets `deploy: off` stand for `deploy: {auto: false}`.
func (s *DeploySection) fromWord(word string) bool {
	s.Auto = word == "auto"
	return s.Auto || isOff(word)
}

func (s *DeploySection) words() string { return "off or auto" }

func (s DeploySection) check(c *checker) {
	switch name := s.Branch; {
	case name == "":
	case strings.HasPrefix(name, "refs/"):
		c.fault("deploy.branch", "%q is a full reference: write the branch's name, such as main", clip(name))
	case strings.ContainsAny(name, "*?["):
		c.fault("deploy.branch", "%q is a pattern: name one branch, or deploy by tags (deploy.tags)", clip(name))
	case !validRefName(name):
		c.fault("deploy.branch", "%q cannot be a branch's name", clip(name))
	}
	c.globs("deploy.tags", s.Tags, func(pattern string) string {
		if strings.HasPrefix(pattern, "refs/") {
			return "is a full reference: write the tag's name, such as v*"
		}
		return ""
	})
	c.globs("deploy.paths", s.Paths, strayPath)
	c.globs("deploy.ignore", s.Ignore, strayPath)
}

// strayPath says what keeps a pattern from ever matching a file of a repository, "" for nothing.
func strayPath(pattern string) string {
	for _, prefix := range []string{"../", "./", "!"} {
		if strings.HasPrefix(pattern, prefix) {
			return "is no path of the repository: write it from its root, such as models/**; files that do not count stand in deploy.ignore"
		}
	}
	return ""
}

// globs accepts a list of patterns; wrong says what else is wrong with one.
func (c *checker) globs(key string, list []string, wrong func(pattern string) string) {
	if len(list) > maxPatterns {
		c.fault(key, "has more than %d patterns", maxPatterns)
		return
	}
	for i, pattern := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			c.fault(at, "%q is no pattern: write a name, *, ? or [a-z], and ** for any folders", clip(pattern))
		} else if why := wrong(pattern); why != "" {
			c.fault(at, "%q %s", clip(pattern), why)
		}
	}
}

// validRefName holds what git check-ref-format asks of a branch, as far as a slip would break it.
func validRefName(name string) bool {
	if strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".") ||
		strings.HasSuffix(name, ".lock") || strings.Contains(name, "..") || strings.Contains(name, "//") || strings.Contains(name, "@{") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) })
}

// MatchesTag reports whether a tag's name matches one of the patterns.
func MatchesTag(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if matchParts(strings.Split(pattern, "/"), strings.Split(name, "/")) {
			return true
		}
	}
	return false
}

// MatchPath reports whether a pattern is about a file, by the rules of .gitignore: one without a slash matches a name at any
// depth, any other the path from the repository's root; ** is any number of folders; what matches a folder matches all that is in it.
func MatchPath(pattern, file string) bool {
	rooted := strings.HasPrefix(pattern, "/")
	pattern = strings.Trim(pattern, "/")
	if pattern == "" || file == "" {
		return false
	}
	parts, want := strings.Split(file, "/"), strings.Split(pattern, "/")
	if len(want) == 1 && !rooted {
		want = []string{"**", pattern}
	}
	for end := 1; end <= len(parts); end++ {
		if matchParts(want, parts[:end]) {
			return true
		}
	}
	return false
}

// matchParts matches elements of a path; an element ** is any number of them.
func matchParts(pattern, parts []string) bool {
	// back is where the last ** stood, and how much it has taken so far: no other way back is ever needed.
	backPattern, backPart := -1, 0
	p, i := 0, 0
	for i < len(parts) {
		if p < len(pattern) && pattern[p] == "**" {
			backPattern, backPart = p, i
			p++
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], parts[i]); err == nil && ok {
				p++
				i++
				continue
			}
		}
		if backPattern < 0 {
			return false
		}
		backPart++
		p, i = backPattern+1, backPart
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
