package main

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: a.t("Print the completion script for a shell"),
		Long: a.t(`Print the completion script for bash, zsh or fish. It completes commands, flags and the names of services and
groups, for which it asks the daemon.`),
		Example: a.examples(
			a.t("For this shell, and for every new one"), "source <(aictl completion bash)",
			"", "aictl completion bash > /etc/bash_completion.d/aictl",
			"", "aictl completion zsh > \"${fpath[1]}/_aictl\"",
			"", "aictl completion fish > ~/.config/fish/completions/aictl.fish"),
		Args:      a.args(cobra.ExactArgs(1)),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			}
			return a.usageError(cmd, a.errorf("there is no completion for %q: use bash, zsh or fish", args[0]))
		},
	}
}
