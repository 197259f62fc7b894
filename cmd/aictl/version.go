package main

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// Set by the linker: -X main.version=… -X main.commit=….
var (
	version = ""
	commit  = ""
)

// buildVersion is the version and commit that the linker set, else what the toolchain noted.
func buildVersion() (string, string) {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && c == "" {
				c = s.Value
			}
		}
	}
	if v == "" {
		v = "dev"
	}
	return v, c
}

// versionDocument is the document of `version -o json`.
type versionDocument struct {
	SchemaVersion int            `json:"schemaVersion"`
	Version       string         `json:"version"`
	Commit        string         `json:"commit"`
	Go            string         `json:"go"`
	Platform      string         `json:"platform"`
	API           string         `json:"api"`
	Daemon        *daemonVersion `json:"daemon,omitempty"` // absent when none answers
}

type daemonVersion struct {
	Version        string    `json:"version"`
	Commit         string    `json:"commit"`
	PID            int       `json:"pid"`
	StartedAt      time.Time `json:"started_at"`
	API            string    `json:"api"`
	Gateway        string    `json:"gateway"`
	KeeperProtocol int       `json:"keeper_protocol"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   a.t("Show the version of this program and of the daemon"),
		Long:    a.t(`Show the version of this program and, when one answers, of the daemon. They may differ during an upgrade.`),
		Example: a.examples(a.t("For a bug report"), "aictl version -o json"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc := a.versionDocument(cmd.Context())
			return a.document(doc, func() error {
				_, err := fmt.Fprintf(a.out, "aictl %s (%s) %s %s, API %s\n", doc.Version, orDash(shortCommit(doc.Commit)), doc.Go, doc.Platform, doc.API)
				if err == nil && doc.Daemon != nil {
					d := doc.Daemon
					_, err = fmt.Fprintln(a.out, a.t("daemon %s (%s), up %s, at %s, keeper protocol %d", d.Version, orDash(shortCommit(d.Commit)),
						shortDuration(a.now().Sub(d.StartedAt)), d.API, d.KeeperProtocol))
				}
				return err
			})
		},
	}
}

func (a *app) versionDocument(ctx context.Context) versionDocument {
	v, c := buildVersion()
	doc := versionDocument{SchemaVersion: 1, Version: v, Commit: c, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, API: path.Base(api.Prefix)}
	client, err := a.connect()
	if err != nil {
		return doc
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if d, err := client.Version(ctx); err == nil {
		doc.Daemon = &daemonVersion{d.Version, d.Commit, d.PID, d.StartedAt, d.API, d.Gateway, d.KeeperProtocol}
	}
	return doc
}
