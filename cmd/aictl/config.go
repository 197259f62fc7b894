package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/configs"
)

func (a *app) configCommand() *cobra.Command {
	return a.parent(&cobra.Command{
		Use:   "config",
		Short: a.t("Show the server's settings, and what a change of them would do"),
		Long: a.t(`Show the server's settings, and what a change of them would do. Settings come from flags, AICTL_… variables
and the settings file, in this order. The file is watched: a valid change holds at once where it can; one
that is not valid is refused as a whole, and the settings before it go on.`),
	}, a.configListCommand(), a.configGetCommand(), a.configDiffCommand(), a.configCheckCommand(), a.configReloadCommand())
}

func (a *app) configListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: a.t("Show all settings and where each comes from"),
		Long:  a.t("Show the settings that run, secrets masked, and where each comes from. -o wide adds the default, the variable and the meaning."),
		Args:  a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := a.fetchConfig(cmd)
			if err != nil {
				return err
			}
			return a.document(doc, func() error {
				t := newTable(column{title: a.t("KEY")}, column{title: a.t("VALUE"), flex: true}, column{title: a.t("SOURCE"), flex: true},
					column{title: a.t("A CHANGE NEEDS")}, column{title: a.t("DEFAULT"), wide: true}, column{title: a.t("VARIABLE"), wide: true}, column{title: a.t("MEANING"), wide: true})
				for _, s := range doc.Settings {
					source := cell{text: s.Source}
					if s.Source == "default" {
						source = cell{a.t("default"), dim}
					}
					t.row(s.Key, orDash(s.Value), source, a.needs(s.Effect), orDash(s.Default), s.Env, s.Help)
				}
				if err := t.render(a.out, a.wide()); err != nil {
					return err
				}
				a.configHints(doc)
				return nil
			})
		},
	}
}

func (a *app) configGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "get KEY",
		Short:   a.t("Show one setting"),
		Example: a.examples("", "aictl config get log.level"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := a.fetchConfig(cmd)
			if err != nil {
				return err
			}
			for _, s := range doc.Settings {
				if s.Key != args[0] {
					continue
				}
				return a.document(s, func() error {
					_, err := fmt.Fprintln(a.out, printable(s.Value))
					return err
				})
			}
			return fail(exitNotFound, a.errorf("there is no setting %q", args[0]), a.t("`%s` lists the settings", a.command("config list")))
		},
	}
}

func (a *app) configDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff [FILE]",
		Short: a.t("Show what a settings file would change, and what would be started anew"),
		Long: a.t(`Compare a settings file, or the server's own, with what runs: what each key would change, what the change needs
to hold, and which services would be started anew for it. Nothing is changed. The exit code is that of
diff(1): 0 for no difference, 1 for some; 2 when the file is not valid.`),
		Example: a.examples(
			a.t("What in the server's file is not in force yet"), "aictl config diff",
			a.t("Before a file is put in place"), "aictl config diff new.yaml"),
		Args: a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := a.configRequest(args)
			if err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.ConfigDiff(cmd.Context(), req)
			if err != nil {
				return invalidSettings(err)
			}
			if err := a.document(doc, func() error { return a.configChanges(doc) }); err != nil {
				return err
			}
			if len(doc.Changes) > 0 {
				return exitWith(exitFailed)
			}
			return nil
		},
	}
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: a.t("Check a settings file"),
		Long: a.t(`Check a settings file, or the server's own. Every fault is told with its line; the exit code is 2 when there is
one. With FILE no server is needed.`),
		Args: a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
				if _, err := configs.Load(configs.Sources{File: name}); err != nil {
					return fail(exitUsage, err, "")
				}
			} else {
				client, err := a.connect()
				if err != nil {
					return err
				}
				doc, err := client.ConfigDiff(cmd.Context(), api.ConfigRequest{})
				if err != nil {
					return invalidSettings(err)
				}
				name = doc.File
			}
			if a.machine() {
				return a.document(map[string]any{"schemaVersion": api.SchemaVersion, "file": name, "valid": true}, nil)
			}
			_, err := fmt.Fprintln(a.out, a.t("%s is valid", name))
			return err
		},
	}
}

func (a *app) configReloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: a.t("Have the server read its settings file now"),
		Long: a.t(`Have the server read its settings file now, and show what was taken up and what needs more. The server watches the
file by itself; this tells the result. Services are not touched.`),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.ConfigReload(cmd.Context())
			if err != nil {
				return invalidSettings(err)
			}
			return a.document(doc, func() error { return a.configChanges(doc) })
		},
	}
}

func (a *app) fetchConfig(cmd *cobra.Command) (api.ConfigDocument, error) {
	client, err := a.connect()
	if err != nil {
		return api.ConfigDocument{}, err
	}
	return client.Config(cmd.Context())
}

// configRequest reads the file that is to be compared; without one it is the server's own.
func (a *app) configRequest(args []string) (api.ConfigRequest, error) {
	if len(args) == 0 {
		return api.ConfigRequest{}, nil
	}
	content, err := os.ReadFile(args[0])
	if err != nil {
		return api.ConfigRequest{}, fail(exitUsage, err, "")
	}
	name, err := filepath.Abs(args[0])
	if err != nil {
		return api.ConfigRequest{}, err
	}
	text := string(content)
	return api.ConfigRequest{Name: name, Content: &text}, nil
}

// invalidSettings gives a file that is not valid its exit code.
func invalidSettings(err error) error {
	var problem *api.Error
	if errors.As(err, &problem) && problem.Code == api.CodeInvalid {
		return fail(exitUsage, errors.New(problem.Detail), "")
	}
	return err
}

// configChanges shows what differs and what would be started anew for it.
func (a *app) configChanges(doc api.ConfigDiff) error {
	if len(doc.Changes) == 0 {
		_, err := fmt.Fprintln(a.out, a.t("nothing differs from what runs"))
		return err
	}
	t := newTable(column{title: a.t("KEY")}, column{title: a.t("RUNS"), flex: true}, column{title: a.t("FILE SAYS"), flex: true}, column{title: a.t("EFFECT")})
	for _, c := range doc.Changes {
		effect := a.needs(c.Effect)
		if c.Applied {
			effect = cell{a.t("applied"), green}
		}
		t.row(c.Key, orDash(c.Old), orDash(c.New), effect)
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	for _, c := range doc.Changes {
		if len(c.Services) == 0 {
			continue
		}
		names := make([]string, len(c.Services))
		for i, s := range c.Services {
			names[i] = s.Service
		}
		if _, err := fmt.Fprintln(a.out, a.t("would be started anew: %s (%s)", strings.Join(names, ", "), c.Services[0].Reason)); err != nil {
			return err
		}
	}
	return nil
}

// needs says what a change needs to hold.
func (a *app) needs(effect string) cell {
	switch configs.Effect(effect) {
	case configs.EffectUpgrade:
		return cell{a.t("aictl upgrade"), yellow}
	case configs.EffectRestart:
		return cell{a.t("a restart of aictl"), red}
	}
	return cell{text: a.t("nothing")}
}

// configHints says on stderr what of the file is not in force.
func (a *app) configHints(doc api.ConfigDocument) {
	if doc.Refused != nil {
		a.refusedHint(doc.Refused.Reason)
	}
	if len(doc.Waiting) > 0 {
		a.say("%s %s", a.err.paint(yellow, a.t("hint:")),
			a.t("not all of the file is in force yet; `%s` shows what waits", a.command("config diff")))
	}
}

func (a *app) refusedHint(reason string) {
	first, _, _ := strings.Cut(reason, "\n")
	a.say("%s %s", a.err.paint(yellow, a.t("warning:")), a.t("the settings file is not valid, the settings before it go on: %s", printable(first)))
	a.say("%s %s", a.err.paint(yellow, a.t("hint:")), a.t("`%s` shows every fault", a.command("config diff")))
}
