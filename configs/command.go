package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/shlex"
)

// SplitCommand splits a command line into words as a shell would: quotes and backslashes count, nothing else
// does. An empty line has no words.
func SplitCommand(line string) ([]string, error) {
	if strings.ContainsRune(line, 0) {
		return nil, errors.New("a command cannot hold a NUL character")
	}
	words, err := shlex.Split(line)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be split into words: %s", clip(line), quoteFault(err))
	}
	return words, nil
}

func quoteFault(err error) string {
	if strings.Contains(err.Error(), "quote") {
		return "a quote is not closed"
	}
	return "nothing follows the last backslash"
}

// command refuses what only a shell understands, because no shell runs it.
func (c *checker) command(path, line string) {
	words, err := SplitCommand(line)
	if err != nil {
		c.fault(path, "%s", err)
		return
	}
	if line != "" && len(words) == 0 {
		c.fault(path, "holds no command")
		return
	}
	for _, w := range words {
		if slices.Contains([]string{"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}, w) {
			c.fault(path, "no shell runs it, so %s does nothing: write sh -c '…'", w)
			return
		}
	}
	if len(words) == 0 {
		return
	}
	switch first := words[0]; {
	case first == "cd":
		c.fault(path, "no shell runs it, so cd does nothing: write the folder as subdir")
	case first == "source" || first == "." || first == "export":
		c.fault(path, "no shell runs it, so %s does nothing: the environment is active already, and variables belong under env", first)
	case envRE.MatchString(strings.SplitN(first, "=", 2)[0]) && strings.Contains(first, "="):
		c.fault(path, "no shell runs it: write %s under env", clip(first))
	}
}
