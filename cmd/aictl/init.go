package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aictl/configs"
)

func (a *app) initCommand() *cobra.Command {
	var force bool
	var name string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: a.t("Write an aictl.yaml for a service"),
		Long: a.t(`Look at the files of a service and write an aictl.yaml that says how to run it, every key with its default and
what it means. A service needs none: with main.py and requirements.txt it deploys as it is.`),
		Example: a.examples(
			a.t("Here, and elsewhere"), "aictl init",
			"", "aictl init ./ocr --name ocr"),
		Args: a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(dir, name, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, a.t("replace an aictl.yaml that is there"))
	cmd.Flags().StringVar(&name, "name", "", a.t("name of the service (default: the directory's)"))
	return cmd
}

func (a *app) init(dir, name string, force bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fail(exitUsage, a.errorf("%s is not a directory", dir), a.t("make it, or name the directory of your service"))
	}
	if name == "" {
		name = serviceName(filepath.Base(dir))
	}
	found := inspect(os.DirFS(dir))
	manifest := configs.CommentedManifest(name, found.runtime, found.command)
	if _, err := configs.ParseManifest(manifest, configs.ManifestFile); err != nil {
		return fail(exitUsage, err, a.t("give another name with --name"))
	}
	path := filepath.Join(dir, configs.ManifestFile)
	if err := writeManifest(path, manifest, force); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fail(exitConflict, a.errorf("%s is there already", path), a.t("--force replaces it"))
		}
		return fmt.Errorf("write the manifest: %w", err)
	}
	if _, err := fmt.Fprintln(a.out, path); err != nil {
		return err
	}
	a.sayFound(found)
	a.say("%s", a.t("next: look through it, then %s", a.command("deploy %s", quoteWord(dir))))
	return nil
}

func (a *app) sayFound(f finding) {
	switch {
	case f.runtime == "":
		a.say("%s", a.t("nothing here says what kind of service it is: fill in runtime and command"))
	case f.command == "":
		a.say("%s", a.t("%s service, found by %s; nothing says how it starts: fill in command", f.runtime, strings.Join(f.by, ", ")))
	default:
		a.say("%s", a.t("%s service, found by %s; starts with: %s", f.runtime, strings.Join(f.by, ", "), f.command))
	}
	if len(f.ignore) > 0 {
		a.say("%s %s", a.err.paint(yellow, a.t("hint:")), a.t("add to .gitignore: %s", strings.Join(f.ignore, " ")))
	}
}

// writeManifest makes the file, and replaces one only by force, in one move.
func writeManifest(path string, content []byte, force bool) error {
	if !force {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// serviceName makes a service's name of a directory's: lower case, anything else a dash.
func serviceName(base string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, base)
	return strings.Trim(name, "-")
}
