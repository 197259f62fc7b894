package configs

import "strings"

// Overrides reports whether a key was set by a flag or a variable, which come before everything that is kept.
func (s Settings) Overrides(key string) bool {
	source := s.source(key)
	return strings.HasPrefix(source, "--") || source == EnvName(key)
}
