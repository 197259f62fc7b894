package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups of `aictl --help`.
const (
	groupServices = "services"
	groupDeploys  = "deploys"
	groupRecords  = "records"
	groupServer   = "server"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "aictl",
		Short: a.t("Deploy, supervise and record AI algorithm services"),
		Long: a.t(`aictl runs AI algorithm services on one server: it deploys them from Git, gives each its own port and
environment, keeps them running, checks their health, puts them behind one gateway address, and records
every request/response pair.`),
		Example: a.examples(
			a.t("See it work, with nothing set up"), "aictl demo",
			a.t("Run the server, deploy a service, call it"), "aictl daemon &",
			"", "aictl deploy ./my-service",
			"", `aictl call my-service -d '{"input_data": ["hello"]}'`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              a.subcommandArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	cobra.EnableCommandSorting = false // the order of `aictl --help` is ours
	root.SuggestionsMinimumDistance = 2
	root.SetUsageFunc(a.usage)
	root.SetHelpFunc(a.help)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return a.usageError(cmd, err) })
	root.SetHelpCommand(a.helpCommand())
	a.globalFlags(root.PersistentFlags())
	if err := root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]string{formatTable, formatWide, formatJSON, formatYAML}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag's name is misspelt
	}

	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add(groupServices, a.t("Services:"), a.statusCommand(), a.topCommand(), a.actionCommand("start"), a.actionCommand("stop"),
		a.actionCommand("restart"), a.scaleCommand(), a.removeCommand(), a.signalCommand(), a.runCommand(), a.runsCommand(), a.logsCommand(), a.eventsCommand(), a.callCommand())
	add(groupDeploys, a.t("Deploys:"), a.initCommand(), a.deployCommand(), a.deploysCommand(), a.rollbackCommand(), a.algorithmsCommand(), a.canaryCommand(), a.shadowCommand(), a.cacheCommand(), a.envCommand(), a.giteaCommand())
	add(groupRecords, a.t("Records:"), a.recordsCommand(), a.sinksCommand())
	add(groupServer, a.t("Server:"), a.daemonCommand(), a.configCommand(), a.renderCommand(), a.demoCommand(), a.keysCommand(), a.doctorCommand(), a.diskCommand(), a.pruneCommand(), a.upgradeCommand(), a.versionCommand(), a.completionCommand())
	return root
}

func (a *app) globalFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.dataDir, "data-dir", "", a.t("data directory of the daemon on this machine (AICTL_DATA_DIR)"))
	flags.StringVar(&a.server, "server", "", a.t("URL of a daemon elsewhere (AICTL_SERVER)"))
	flags.StringVar(&a.token, "token", "", a.t("token for --server (AICTL_TOKEN)"))
	flags.StringVar(&a.caFile, "ca-file", "", a.t("file with the authority of an https server's certificate (AICTL_CA_FILE)"))
	flags.StringVarP(&a.output, "output", "o", formatTable, a.t("output: table, wide, json or yaml"))
	flags.String("lang", "", a.t("language of messages: en or zh (LC_ALL, LANG)"))
	flags.BoolVar(&a.noColor, "no-color", false, a.t("no colours (NO_COLOR)"))
}

// prepare completes the global flags before any command runs.
func (a *app) prepare(cmd *cobra.Command) error {
	if !slices.Contains([]string{formatTable, formatWide, formatJSON, formatYAML}, a.output) {
		return a.usageError(cmd, a.errorf("--output %q is not known: use table, wide, json or yaml", a.output))
	}
	a.setScreens()
	fill := func(value *string, variable string) {
		if *value == "" {
			*value = a.env(variable)
		}
	}
	flags := cmd.Flags()
	if !flags.Changed("data-dir") { // an explicit --data-dir means the daemon here, whatever the environment says
		fill(&a.server, "AICTL_SERVER")
	} else if flags.Changed("server") {
		return a.usageError(cmd, a.errorf("--data-dir and --server exclude each other: one means this machine, the other another"))
	}
	fill(&a.dataDir, "AICTL_DATA_DIR")
	fill(&a.token, "AICTL_TOKEN")
	fill(&a.caFile, "AICTL_CA_FILE")
	return nil
}

// subcommandArgs refuses a word that is no subcommand, and offers what was probably meant.
func (a *app) subcommandArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := a.t("see %s", "`"+cmd.CommandPath()+" --help`")
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		for i := range near {
			near[i] = "`" + cmd.CommandPath() + " " + near[i] + "`"
		}
		hint = a.t("did you mean %s?", strings.Join(near, ", "))
	}
	return fail(exitUsage, a.errorf("%q is not a command of %s", args[0], cmd.CommandPath()), hint)
}

// parent is a command that only holds others.
func (a *app) parent(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args = a.subcommandArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(children...)
	return cmd
}

// notBoth refuses two flags that exclude each other.
func (a *app) notBoth(cmd *cobra.Command, one, other string) error {
	if cmd.Flags().Changed(one) && cmd.Flags().Changed(other) {
		return a.usageError(cmd, a.errorf("--%s and --%s exclude each other: give one", one, other))
	}
	return nil
}
