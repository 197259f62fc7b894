package main

import (
	"testing"

	"aictl/api"
)

func TestRender(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/version", api.Version{SchemaVersion: 1, Gateway: "http://0.0.0.0:7680"})
	s.run(t, "render", "nginx", "--name", "ai.example.com", "--cert", "/etc/c.pem", "--key", "/etc/k.pem").want(t, exitOK,
		[]string{"server 127.0.0.1:7680;", "listen 443 ssl http2;", "server_name ai.example.com;", "proxy_pass http://aictl_gateway;"}, nil)
	s = newServer(t)
	s.answer("GET /api/v1/version", api.Version{SchemaVersion: 1, Gateway: "https://10.0.0.5:7680"})
	s.run(t, "render", "caddy", "--name", "ai.example.com", "--host", "ocr.example.com=ocr").want(t, exitOK,
		[]string{"\nai.example.com {", "\nocr.example.com {", "reverse_proxy https://10.0.0.5:7680", "flush_interval -1"}, nil)
	s.run(t, "render", "nginx", "--gateway", "127.0.0.1:1", "--host", "ocr").want(t, exitUsage, nil, []string{"NAME=SERVICE"})
	s.run(t, "render", "nginx", "--gateway", "127.0.0.1:1", "--name", "a b").want(t, exitUsage, nil, []string{"not a host name"})
	s.run(t, "render", "nginx", "--gateway", "127.0.0.1:1", "--cert", "/c").want(t, exitUsage, nil, []string{"go together"})
}
