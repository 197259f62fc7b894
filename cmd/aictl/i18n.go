package main

import (
	"fmt"
	"strings"
)

// language is what messages are shown in. JSON and YAML output is the same in all of them.
type language string

const (
	english language = "en"
	chinese language = "zh"
)

// pickLanguage chooses from --lang (anywhere on the command line, because help texts are built before flags are
// parsed) and then from the locale's variables in the order POSIX gives them.
func pickLanguage(args []string, env func(string) string) (language, error) {
	if v, ok := findFlag(args, "--lang"); ok {
		switch {
		case v == "en" || strings.HasPrefix(v, "en_") || strings.HasPrefix(v, "en-"):
			return english, nil
		case v == "zh" || strings.HasPrefix(v, "zh_") || strings.HasPrefix(v, "zh-"):
			return chinese, nil
		}
		return english, fmt.Errorf("--lang %q is not a language of aictl: use en or zh", v)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return chinese, nil
			}
			return english, nil
		}
	}
	return english, nil
}

// findFlag looks for "--name value" or "--name=value" before a "--".
func findFlag(args []string, name string) (string, bool) {
	for i, arg := range args {
		switch {
		case arg == "--":
			return "", false
		case arg == name && i+1 < len(args):
			return args[i+1], true
		case strings.HasPrefix(arg, name+"="):
			return arg[len(name)+1:], true
		}
	}
	return "", false
}

// t is the message in the user's language, with args filled in. The English text is its own key.
func (a *app) t(message string, args ...any) string {
	if a.lang == chinese {
		if zh, ok := messagesZH()[message]; ok {
			message = zh
		}
	}
	if len(args) == 0 {
		return message
	}
	return fmt.Sprintf(message, args...)
}

// errorf is an error whose text is in the user's language; %w works.
func (a *app) errorf(message string, args ...any) error {
	if a.lang == chinese {
		if zh, ok := messagesZH()[message]; ok {
			message = zh
		}
	}
	return fmt.Errorf(message, args...)
}
