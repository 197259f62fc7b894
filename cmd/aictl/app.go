package main

import (
	"context"
	"errors"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// app is one run of the program: its streams, its language and the global flags.
type app struct {
	in  io.Reader
	out screen // data
	err screen // progress and messages
	env func(string) string
	now func() time.Time

	stdout, stderr io.Writer
	lang           language

	// global flags
	dataDir, server, token, output string
	caFile                         string
	noColor                        bool

	refused string // what is wrong with the server's settings file, as the last status said
}

func newApp(in io.Reader, out, err io.Writer, env func(string) string) *app {
	a := &app{in: in, stdout: out, stderr: err, env: env, now: time.Now}
	a.setScreens()
	return a
}

func (a *app) setScreens() {
	a.out = newScreen(a.stdout, a.env, a.noColor)
	a.err = newScreen(a.stderr, a.env, a.noColor)
}

// main runs the command line and returns the exit code.
func (a *app) main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends a command that does not

	lang, err := pickLanguage(args, a.env)
	if err != nil {
		return a.report(fail(exitUsage, err, ""))
	}
	a.lang = lang
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return a.report(root.ExecuteContext(ctx))
}

// report says what went wrong and what to do about it, and returns the exit code.
func (a *app) report(err error) int {
	code := codeOf(err)
	if err == nil || err.Error() == "" {
		return code
	}
	if code == exitInterrupted {
		a.say("%s", a.t("interrupted"))
		return code
	}
	text, hint := a.explain(err)
	a.say("%s %s", a.err.paint(red, a.t("error:")), text)
	if hint != "" {
		a.say("%s %s", a.err.paint(yellow, a.t("hint:")), hint)
	}
	return code
}

// usageError is a fault in the command line: exit code 2 and where to read how it is used.
func (a *app) usageError(cmd *cobra.Command, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	return fail(exitUsage, err, a.t("see %s", "`"+cmd.CommandPath()+" --help`"))
}

// args wraps cobra's argument checks so that their faults count as usage errors.
func (a *app) args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return a.usageError(cmd, a.argsFault(cmd, args, err))
		}
		return nil
	}
}

// argsFault says what is missing or too much in terms of the command's own usage line.
func (a *app) argsFault(cmd *cobra.Command, args []string, err error) error {
	want := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(cmd.Use, "[flags]", ""), cmd.Name()))
	if want == "" {
		return a.errorf("%s takes no arguments, got %q", cmd.CommandPath(), strings.Join(args, " "))
	}
	if len(args) == 0 {
		return a.errorf("%s needs %s", cmd.CommandPath(), want)
	}
	return a.errorf("%s takes %s: %w", cmd.CommandPath(), want, err)
}
