package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// examples lays out pairs of a comment and a command; an empty comment continues the one before.
func (a *app) examples(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "" {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "  # %s\n", pairs[i])
		}
		fmt.Fprintf(&b, "  %s\n", pairs[i+1])
	}
	return strings.TrimRight(b.String(), "\n")
}

func (a *app) help(cmd *cobra.Command, _ []string) {
	a.setScreens() // --help skips the preparation of other commands
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintln(a.out, strings.TrimSpace(text))
	fmt.Fprintln(a.out)
	fmt.Fprint(a.out, a.usageText(cmd))
}

func (a *app) usage(cmd *cobra.Command) error {
	_, err := fmt.Fprint(a.err, a.usageText(cmd))
	return err
}

func (a *app) usageText(cmd *cobra.Command) string {
	var b strings.Builder
	section := func(title, body string) {
		if body = strings.TrimRight(body, "\n"); body != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", a.out.paint(bold, title), body)
		}
	}
	section(a.t("Usage:"), useLines(cmd))
	for _, g := range cmd.Groups() {
		section(g.Title, commandLines(cmd, func(c *cobra.Command) bool { return c.GroupID == g.ID }))
	}
	if len(cmd.Groups()) == 0 {
		section(a.t("Commands:"), commandLines(cmd, func(*cobra.Command) bool { return true }))
	}
	section(a.t("Examples:"), cmd.Example)
	section(a.t("Flags:"), flagLines(cmd.LocalNonPersistentFlags()))
	if cmd.HasParent() {
		section(a.t("Global flags:"), flagLines(cmd.InheritedFlags()))
	} else {
		section(a.t("Global flags:"), flagLines(cmd.PersistentFlags()))
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString(a.t("More about a command: %s", cmd.CommandPath()+" COMMAND --help"))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func useLines(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return "  " + cmd.CommandPath() + " COMMAND"
	}
	return "  " + cmd.UseLine()
}

func commandLines(cmd *cobra.Command, in func(*cobra.Command) bool) string {
	var b strings.Builder
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && in(c) {
			fmt.Fprintf(&b, "  %-12s %s\n", c.Name(), c.Short)
		}
	}
	return b.String()
}

// flagLines lists flags without the help flag, which is said at the end.
func flagLines(flags *pflag.FlagSet) string {
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			shown.AddFlag(f)
		}
	})
	return shown.FlagUsages()
}

// helpCommand keeps `aictl help COMMAND` working without showing it twice.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Short:  a.t("Help about a command"),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return a.subcommandArgs(target, rest)
			}
			return target.Help()
		},
	}
}
