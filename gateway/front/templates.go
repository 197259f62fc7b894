package front

import (
	"strings"
	"text/template"
)

var functions = template.FuncMap{"join": strings.Join}

var nginxTemplate = template.Must(template.New("nginx").Funcs(functions).Parse(`# aictl's gateway behind nginx; put this into /etc/nginx/conf.d/aictl.conf and run: nginx -t && nginx -s reload
# Limits on bodies, rates and times are aictl's: per service, in its aictl.yaml. nginx passes everything on as it comes.

upstream aictl_gateway {
    server {{.Gateway}};
    keepalive 64;
}

# A handshake of a WebSocket is passed on, any other connection is kept open to the gateway.
map $http_upgrade $aictl_connection {
    default upgrade;
    ''      '';
}
{{define "tls"}}{{if .Cert}}
    ssl_certificate     {{.Cert}};
    ssl_certificate_key {{.Key}};
    ssl_protocols       TLSv1.2 TLSv1.3;
{{end}}{{end}}{{define "pass"}}        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $aictl_connection;
        # Answers stream, and so do uploads: nothing waits in nginx, and nothing goes to its disk.
        proxy_buffering off;
        proxy_request_buffering off;
        # A request that may have reached an instance is not sent again; aictl itself repeats those that did not.
        proxy_next_upstream off;
        proxy_connect_timeout 5s;
        proxy_send_timeout 1d;
        proxy_read_timeout 1d;
        client_max_body_size 0;
{{end}}
server {
    listen {{.Address}};
{{- if .ServerNames}}
    server_name {{.ServerNames}};
{{- end}}
{{- template "tls" .}}
    location /ai/ {
        # Without a path: the request's own goes on byte for byte, %2F and // included.
        proxy_pass {{.Scheme}}://aictl_gateway;
{{template "pass"}}    }
}
{{range .Hosts}}
# {{.Name}} is the service {{.Service}}.
server {
    listen {{$.Address}};
    server_name {{.Name}};
{{- template "tls" $}}
    location / {
        proxy_pass {{$.Scheme}}://aictl_gateway/ai/{{.Service}}$request_uri;
{{template "pass"}}    }
}
{{end}}`))

var caddyTemplate = template.Must(template.New("caddy").Funcs(functions).Parse(`# aictl's gateway behind Caddy; put this into /etc/caddy/Caddyfile and run: caddy validate --config /etc/caddy/Caddyfile && systemctl reload caddy
# Limits on bodies, rates and times are aictl's: per service, in its aictl.yaml. Caddy passes everything on as it comes.
{{define "common"}}{{if .Bind}}
	bind {{.Bind}}{{end}}{{if .Cert}}
	tls {{.Cert}} {{.Key}}{{end}}{{end}}{{define "pass"}}reverse_proxy {{.}} {
			# Each piece of an answer goes on at once.
			flush_interval -1
		}{{end}}
{{join .Sites ", "}} {
	{{- template "common" .}}
	handle /ai/* {
		{{template "pass" .Upstream}}
	}
	handle {
		respond 404
	}
}
{{range .HostSites}}
# {{.Name}} is the service {{.Service}}.
{{.Site}} {
	{{- template "common" $}}
	uri path_regexp ^/ /ai/{{.Service}}/
	handle {
		{{template "pass" $.Upstream}}
	}
}
{{end}}`))
