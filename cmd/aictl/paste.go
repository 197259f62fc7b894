package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// quoteWord is word as a POSIX shell reads it back.
func quoteWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// command is an aictl command to paste: it reaches the same daemon as this one did.
func (a *app) command(format string, args ...any) string {
	where := ""
	switch {
	case a.server != "" && a.env("AICTL_SERVER") != a.server:
		where = "--server " + quoteWord(a.server) + " "
	case a.server == "" && a.dataDir != "" && a.env("AICTL_DATA_DIR") != a.dataDir:
		where = "--data-dir " + quoteWord(a.dataDir) + " "
	}
	return "aictl " + where + fmt.Sprintf(format, args...)
}

// sorted is words in order.
func sorted(words []string) []string {
	slices.Sort(words)
	return words
}
