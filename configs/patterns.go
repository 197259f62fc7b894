package configs

import (
	"fmt"
	"path"
	"slices"
)

// MatchesAny reports whether one of the patterns of services, names or globs, matches a name. None matches nothing.
func MatchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

// patterns accepts names and globs of services.
func (c *checker) patterns(at string, list []string) {
	for i, pattern := range list {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			c.fault(fmt.Sprintf("%s[%d]", at, i), "%q is no pattern: write a service's name, * ? or [a-z]", clip(pattern))
		}
	}
}
