package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// allCommands are the root's visible commands and all below them.
func allCommands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden {
			all = append(all, allCommands(c)...)
		}
	}
	return all
}

// TestDocumentationIsComplete: docs/cli.md has every command with every flag of its own, and every exit code.
func TestDocumentationIsComplete(t *testing.T) {
	content, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for _, section := range strings.Split(string(content), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		for _, name := range strings.Split(strings.ReplaceAll(title, "`", ""), " · ") {
			sections[strings.TrimSpace(name)] = body
		}
	}
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(string) string { return "" })
	for _, cmd := range allCommands(a.rootCommand()) {
		body, ok := sections[cmd.CommandPath()]
		if !ok {
			t.Errorf("docs/cli.md has no section %q", cmd.CommandPath())
			continue
		}
		if strings.Contains(body, "`records list`") || strings.Contains(body, "`aictl records list`") {
			body += sections["aictl records list"] // the same flags select the records
		}
		flags := cmd.LocalNonPersistentFlags()
		if !cmd.HasParent() {
			flags = cmd.PersistentFlags()
		}
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(body, "`--"+f.Name) {
				t.Errorf("the section of %s lacks --%s", cmd.CommandPath(), f.Name)
			}
		})
	}
	for _, code := range []int{exitOK, exitFailed, exitUsage, exitNotRunning, exitDenied, exitUnreachable, exitNotFound, exitConflict, exitIncomparable, exitTimeout, exitInterrupted} {
		if !strings.Contains(sections["Exit codes"], "| "+strconv.Itoa(code)+" |") {
			t.Errorf("docs/cli.md lacks exit code %d", code)
		}
	}
}
