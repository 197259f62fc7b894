package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aictl/configs"
	"aictl/daemon"
	"aictl/procs"
)

func (a *app) daemonCommand() *cobra.Command {
	defaults := configs.DefaultSettings()
	var file string
	var worker, trial bool
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: a.t("Run the server in the foreground"),
		Long: a.t(`Run the server in the foreground: what systemd or a container starts. A small keeper process is the parent of
all services; beside it runs the daemon with the API and the gateway, and is started again if it
dies. SIGTERM or Ctrl-C stops everything in order.

Settings come from these flags, AICTL_… variables, the database and the settings file, in this order.`),
		Example: a.examples(
			a.t("With its data in your home, or as root in /var/lib/aictl"), "aictl daemon",
			a.t("Everything chosen"), "aictl daemon --data-dir /srv/aictl --listen 127.0.0.1:7700 --gateway-listen 0.0.0.0:80 --ports 9001-9999",
			a.t("For tests: free ports, told in DIR/run/daemon.json"), "aictl daemon --data-dir DIR --listen 127.0.0.1:0 --gateway-listen 127.0.0.1:0"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// An impatient second SIGTERM must not cut an orderly stop short; the grace periods bound it.
			later := make(chan os.Signal, 1)
			signal.Notify(later, syscall.SIGINT, syscall.SIGTERM)
			defer signal.Stop(later)
			settings, err := a.loadSettings(cmd, file)
			if err != nil {
				return fail(exitUsage, err, "")
			}
			if !worker && !trial {
				if err := daemon.CheckCertificates(settings); err != nil {
					return fail(exitUsage, err, "")
				}
			}
			logger, relog := a.logger(settings.Log)
			v, c := buildVersion()
			if trial {
				return json.NewEncoder(a.stdout).Encode(procs.OwnTrial(v))
			}
			if worker {
				err := daemon.RunWorker(cmd.Context(), settings, daemon.WorkerOptions{Version: v, Commit: c, Logger: logger, Relog: relog})
				if errors.Is(err, daemon.ErrRefused) {
					return fail(daemon.ExitRefused, err, "")
				}
				return err
			}
			argv, err := workerArgv(cmd)
			if err != nil {
				return err
			}
			tryArgs := slices.Concat([]string{"daemon", "--trial"}, argv[3:])
			return daemon.RunKeeper(cmd.Context(), settings, daemon.KeeperOptions{Worker: argv, Trial: tryArgs, Version: v, Logger: logger})
		},
	}
	flags := cmd.Flags()
	flags.String("listen", defaults.Listen, a.t("address of the API"))
	flags.String("gateway-listen", defaults.GatewayListen, a.t("address of the gateway"))
	flags.String("ports", defaults.Ports.String(), a.t("ports for services"))
	flags.String("tls-cert", "", a.t("certificate file of the API, in PEM; plain HTTP when left out"))
	flags.String("tls-key", "", a.t("file with the private key of --tls-cert"))
	flags.String("gateway-tls-cert", "", a.t("certificate file of the gateway"))
	flags.String("gateway-tls-key", "", a.t("file with the private key of --gateway-tls-cert"))
	flags.StringVar(&file, "config", "", a.t("settings file (default: %s, when it is there)", configs.DefaultSettingsFile))
	flags.BoolVar(&worker, "worker", false, a.t("run as the keeper's daemon process"))
	flags.BoolVar(&trial, "trial", false, a.t("print what this program is to a keeper that may be upgraded to it"))
	for _, name := range []string{"worker", "trial"} {
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // the flag's name is misspelt
		}
	}
	return cmd
}

// loadSettings reads the settings with the flags that were given on top.
func (a *app) loadSettings(cmd *cobra.Command, file string) (configs.Settings, error) {
	src := configs.Sources{Flags: make(map[string]string), Env: os.Environ(), File: file}
	if file == "" {
		src.File, src.Optional = configs.DefaultSettingsFile, true
	}
	for flag, key := range map[string]string{"listen": "listen", "gateway-listen": "gateway_listen", "ports": "ports"} {
		if f := cmd.Flags().Lookup(flag); f.Changed {
			src.Flags[key] = f.Value.String()
		}
	}
	for flag, key := range tlsFlags {
		if f := cmd.Flags().Lookup(flag); f.Changed {
			path, err := filepath.Abs(f.Value.String())
			if err != nil {
				return configs.Settings{}, err
			}
			src.Flags[key] = path
		}
	}
	if cmd.Flags().Changed("data-dir") {
		dir, err := a.dir()
		if err != nil {
			return configs.Settings{}, err
		}
		src.Flags["data_dir"] = dir
	}
	return daemon.LoadSettings(src)
}

// tlsFlags are the flags that name certificates, and the settings they stand for.
var tlsFlags = map[string]string{
	"tls-cert": "tls.cert", "tls-key": "tls.key", "gateway-tls-cert": "gateway_tls.cert", "gateway-tls-key": "gateway_tls.key",
}

// workerArgv is the command line of the daemon process: this one's, with the flag that makes it the worker. Paths are
// made absolute, for the keeper may start it from elsewhere.
func workerArgv(cmd *cobra.Command) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	argv := []string{self, "daemon", "--worker"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		if f.Name == "data-dir" || f.Name == "config" || tlsFlags[f.Name] != "" {
			var absErr error
			value, absErr = filepath.Abs(value)
			err = errors.Join(err, absErr)
		}
		if f.Name != "worker" && f.Name != "trial" {
			argv = append(argv, "--"+f.Name+"="+value)
		}
	})
	return argv, err
}
