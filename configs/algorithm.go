package configs

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a deploy does about a change of the interface that breaks callers; InterfaceWarn without a word.
const (
	InterfaceWarn = "warn" // the deploy goes on with a warning
	InterfaceGate = "gate" // the deploy fails, and the old release keeps serving
	InterfaceOff  = "off"  // nothing is compared
)

// Most of what a manifest may say about its algorithm.
const (
	maxAlgorithmTitle = 200
	maxAlgorithmText  = 10_000
	maxAlgorithmTags  = 32
)

// Algorithm is what the registry tells of a service, and how strict it is about the interface.
type Algorithm struct {
	Title       string   `yaml:"title,omitempty" json:"title,omitempty"`
	Description string   `yaml:"description,omitempty" json:"description,omitempty"`
	Task        string   `yaml:"task,omitempty" json:"task,omitempty"`   // what it solves: ocr, text-classification
	Owner       string   `yaml:"owner,omitempty" json:"owner,omitempty"` // a person or a team
	Tags        []string `yaml:"tags,omitempty" json:"tags,omitempty"`
	Interface   string   `yaml:"interface,omitempty" json:"interface,omitempty"` // warn, gate or off; "" is warn
}

func (a Algorithm) check(c *checker) {
	line := func(key, text string, most int) {
		switch {
		case utf8.RuneCountInString(text) > most:
			c.fault("algorithm."+key, "is longer than %d characters", most)
		case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
			c.fault("algorithm."+key, "has more than one line: use algorithm.description for text")
		}
	}
	line("title", a.Title, maxAlgorithmTitle)
	line("task", a.Task, maxAlgorithmTitle)
	line("owner", a.Owner, maxAlgorithmTitle)
	if utf8.RuneCountInString(a.Description) > maxAlgorithmText {
		c.fault("algorithm.description", "is longer than %d characters: describe it in the repository, and link to that", maxAlgorithmText)
	}
	if len(a.Tags) > maxAlgorithmTags {
		c.fault("algorithm.tags", "has more than %d tags", maxAlgorithmTags)
	}
	for i, tag := range a.Tags {
		if !nameRE.MatchString(tag) {
			c.fault(fmt.Sprintf("algorithm.tags[%d]", i), "%q cannot be a tag: use a-z, 0-9 and -", clip(tag))
		}
	}
	oneOf(c, "algorithm.interface", a.Interface, "", InterfaceWarn, InterfaceGate, InterfaceOff)
}
