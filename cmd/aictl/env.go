package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) envCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env",
		Short: a.t("Show the environments that services run in, and move them to other machines"),
		Long: a.t(`Releases share environments: a virtualenv or a node_modules folder, named by its content, built once. These commands show what
they cost, and move the packages of one to a machine without network.`),
		Example: a.examples(
			a.t("What there is, and what it takes"), "aictl env list",
			a.t("Take what ocr needs to a machine without network"), "aictl env export ocr", "aictl env import ocr.tar"),
	}
	return a.parent(cmd, a.envListCommand(), a.envShowCommand(), a.envExportCommand(), a.envImportCommand())
}

func (a *app) envListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List the environments with what they cost"),
		Long: a.t(`List the environments: how long each took to build, its room on the disk, and the services whose releases need it. One that no
release needs goes with the next clean-up. SHARED is the part that lies in a package cache, too, and takes no room of its own.`),
		Example: a.examples("", "aictl env list", a.t("The largest one"), `aictl env list -o json | jq '.environments | max_by(.bytes).key'`),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Environments(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.envTable(list.Environments) })
		},
	}
}

func (a *app) envTable(all []api.Environment) error {
	if len(all) == 0 {
		a.say("%s", a.t("there are no environments; a deploy builds what it needs"))
		return nil
	}
	t := newTable(column{title: a.t("ENVIRONMENT"), flex: true}, column{title: a.t("MADE OF"), flex: true}, column{title: a.t("BUILT IN"), right: true},
		column{title: a.t("SIZE"), right: true}, column{title: a.t("SHARED"), right: true}, column{title: a.t("FILES"), right: true, wide: true},
		column{title: a.t("BUILT"), wide: true}, column{title: a.t("SERVICES"), flex: true})
	for _, e := range all {
		t.row(cell{e.Key, bold}, e.What, latency(time.Duration(e.BuildSeconds*float64(time.Second))), humanSize(e.Bytes), humanSize(e.SharedBytes),
			fmt.Sprint(e.Files), e.BuiltAt.Local().Format(time.DateTime), orDash(strings.Join(usersOf(e), ", ")))
	}
	return t.render(a.out, a.wide())
}

// usersOf are the services that an environment is kept for.
func usersOf(e api.Environment) []string {
	var out []string
	for _, u := range e.Uses {
		if !slices.Contains(out, u.Service) {
			out = append(out, u.Service)
		}
	}
	return out
}

func (a *app) envShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ENVIRONMENT|SERVICE",
		Short: a.t("Show an environment with its packages, the largest first"),
		Long:  a.t("Show one environment with its packages, the largest first, and the releases that need it. A service means that of its live release."),
		Example: a.examples(a.t("What ocr runs on"), "aictl env show ocr",
			a.t("As a requirements file"), `aictl env show ocr -o json | jq -r '.packages[] | .name + "==" + .version'`),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.Environment(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.document(doc, func() error { return a.showEnv(doc) })
		},
	}
}

func (a *app) showEnv(doc api.EnvironmentDocument) error {
	e := doc.Environment
	lines := []string{
		e.Key + "  " + e.What,
		a.t("built in %s, %s", latency(time.Duration(e.BuildSeconds*float64(time.Second))), e.BuiltAt.Local().Format(time.DateTime)),
		a.t("%s in %d files; %s of it shared with the package cache", humanSize(e.Bytes), e.Files, humanSize(e.SharedBytes)),
	}
	for _, u := range e.Uses {
		text := a.t("needed by %s %s", u.Service, u.Release)
		if u.Live {
			text = a.t("needed by %s %s, which is live", u.Service, u.Release)
		}
		lines = append(lines, text)
	}
	if len(e.Uses) == 0 {
		lines = append(lines, a.t("no release needs it: it goes with the next clean-up"))
	}
	if _, err := fmt.Fprintln(a.out, strings.Join(lines, "\n")); err != nil {
		return err
	}
	if len(doc.Packages) == 0 {
		return nil
	}
	slices.SortStableFunc(doc.Packages, func(x, y api.EnvironmentPackage) int { return cmp.Compare(y.Bytes, x.Bytes) })
	t := newTable(column{title: a.t("PACKAGE"), flex: true}, column{title: a.t("VERSION")}, column{title: a.t("SIZE"), right: true})
	for _, p := range doc.Packages {
		size := "-"
		if p.Bytes > 0 {
			size = humanSize(p.Bytes)
		}
		t.row(p.Name, p.Version, size)
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	return t.render(a.out, a.wide())
}

func (a *app) envExportCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "export ENVIRONMENT|SERVICE",
		Short: a.t("Write the packages of an environment to a file, for a machine without network"),
		Long: a.t(`Write the packages of an environment as wheels, with a lock of their hashes, to a tar archive. They are made from what is
installed, so that nothing is asked of a network, and what was built here from source travels as it was built. On the other machine
"aictl env import" takes them up. That machine must be like this one: same processor, same Python version, a C library as new as here.`),
		Example: a.examples(a.t("What ocr runs on"), "aictl env export ocr",
			a.t("Straight to another machine"), "aictl env export ocr -O - | ssh gpu2 aictl env import -"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				file = args[0] + ".tar"
			}
			return a.exportEnv(cmd, args[0], file)
		},
	}
	cmd.Flags().StringVarP(&file, "out", "O", "", a.t("the `FILE` to write, without it the argument and .tar; - is the standard output"))
	return cmd
}

func (a *app) exportEnv(cmd *cobra.Command, key, file string) error {
	if file == "-" && a.out.tty {
		return a.usageError(cmd, a.errorf("that is not for a terminal: name a file with -O FILE, or send the output elsewhere"))
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	m := a.meter(a.t("exporting"))
	err = writeWhole(file, a.out, func(to io.Writer) error { return client.ExportEnvironment(cmd.Context(), key, io.MultiWriter(to, m)) })
	m.stop()
	if err != nil {
		return err
	}
	if file == "-" {
		file = a.t("the standard output")
	}
	a.say("%s", a.t("%s to %s; `aictl env import` takes it up on the other machine", humanSize(m.bytes.Load()), file))
	return nil
}

func (a *app) envImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: a.t("Take up the packages that env export wrote on another machine"),
		Long: a.t(`Take up an archive that "aictl env export" wrote: every wheel is checked against its hash, and that this machine can use it. When
one is not good, nothing is taken up. From then on builds look among the imported wheels, too; with the setting deploy.offline they look
nowhere else. FILE may be -, the standard input.`),
		Example: a.examples("", "aictl env import ocr.tar"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			from := io.NopCloser(a.in)
			if args[0] != "-" {
				if from, err = os.Open(args[0]); err != nil {
					return err
				}
			}
			defer from.Close()
			m := a.meter(a.t("importing"))
			got, err := client.ImportEnvironment(cmd.Context(), io.TeeReader(from, m))
			m.stop()
			if err != nil {
				return err
			}
			return a.document(got, func() error {
				a.warnAll(got.Warnings)
				_, err := fmt.Fprintln(a.out, a.t("%d wheels, %s, %d of them new: %s", len(got.Wheels), humanSize(got.Bytes), got.New, got.What))
				return err
			})
		},
	}
}
