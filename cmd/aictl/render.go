package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/gateway/front"
)

func (a *app) renderCommand() *cobra.Command {
	return a.parent(&cobra.Command{
		Use:   "render",
		Short: a.t("Write the configuration of nginx or Caddy in front of the gateway"),
		Long: a.t(`Write the configuration of a web server that stands in front of aictl's gateway, for those who keep theirs: every byte of
paths is kept, answers and uploads stream, WebSockets pass, and limits stay with aictl.`),
		Example: a.examples("", "aictl render nginx --name ai.example.com --cert /etc/ssl/ai.pem --key /etc/ssl/ai.key > /etc/nginx/conf.d/aictl.conf",
			a.t("A host name for one service"), "aictl render caddy --name ai.example.com --host ocr.example.com=ocr"),
	}, a.renderFor("nginx", a.t("Write a file for nginx"), front.Nginx), a.renderFor("caddy", a.t("Write a Caddyfile"), front.Caddy))
}

func (a *app) renderFor(server, short string, render func(front.Site) ([]byte, error)) *cobra.Command {
	var site front.Site
	var hosts []string
	cmd := &cobra.Command{
		Use:   server,
		Short: short,
		Long: a.t(`Write the configuration to stdout. Where the gateway is, is asked of the daemon; --gateway says it without one. With
--name and neither --cert nor --listen Caddy gets certificates by itself; nginx needs --cert and --key for HTTPS.`),
		Example: a.examples("", "aictl render "+server+" --name ai.example.com --listen :8080"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, text := range hosts {
				name, service, ok := strings.Cut(text, "=")
				if !ok {
					return a.usageError(cmd, a.errorf("--host %q is not NAME=SERVICE", text))
				}
				site.Hosts = append(site.Hosts, front.Host{Name: name, Service: service})
			}
			if site.Gateway == "" {
				if err := a.findGateway(cmd, &site); err != nil {
					return err
				}
			}
			text, err := render(site)
			if err != nil {
				return a.usageError(cmd, err)
			}
			_, err = fmt.Fprintf(a.out, "%s", text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&site.Gateway, "gateway", "", a.t("address of the gateway, HOST:PORT; asked of the daemon when left out"))
	flags.StringVar(&site.Listen, "listen", "", a.t("where the server listens; port 443 with a certificate, else 80"))
	flags.StringSliceVar(&site.Names, "name", nil, a.t("host names under which all services are reached at /ai/SERVICE; any when left out"))
	flags.StringSliceVar(&hosts, "host", nil, a.t("a host name for one service, NAME=SERVICE"))
	flags.StringVar(&site.Cert, "cert", "", a.t("file of the certificate, with its chain"))
	flags.StringVar(&site.Key, "key", "", a.t("file of the certificate's key"))
	return cmd
}

// findGateway asks the daemon where its gateway listens.
func (a *app) findGateway(cmd *cobra.Command, site *front.Site) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	version, err := client.Version(cmd.Context())
	if err != nil {
		return err
	}
	return gatewayOf(version, site)
}

func gatewayOf(v api.Version, site *front.Site) error {
	u, err := url.Parse(v.Gateway)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the daemon's gateway %q is no address", v.Gateway)
	}
	site.Gateway, site.TLS = u.Host, u.Scheme == "https"
	// A server on the same machine need not go to every interface.
	if u.Hostname() == "0.0.0.0" || u.Hostname() == "::" {
		site.Gateway = "127.0.0.1:" + u.Port()
	}
	return nil
}
