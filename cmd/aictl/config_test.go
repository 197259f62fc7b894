package main

import (
	"strings"
	"testing"

	"aictl/api"
)

func TestConfigChanges(t *testing.T) {
	doc := api.ConfigDiff{File: "/etc/aictl/config.yaml", Changes: []api.ConfigChange{
		{Key: "listen", Old: "127.0.0.1:7600", New: ":1", Effect: "restart", Services: []api.ConfigRestart{
			{Service: "ocr", Reason: "the keeper holds listen"}, {Service: "text", Reason: "the keeper holds listen"},
		}},
		{Key: "log.level", Old: "info", New: "debug", Effect: "live", Applied: true},
		{Key: "deploy.uv", Old: "auto", New: "off", Effect: "upgrade"},
		{Key: "gitea.url", Old: "", New: "http://a\x1b[31m", Effect: "live"},
	}}
	for lang, want := range map[language][]string{
		english: {"would be started anew: ocr, text (the keeper holds listen)", "log.level  info            debug", "applied", "aictl upgrade", "a restart of aictl", "gitea.url  -"},
		chinese: {"会重新启动：ocr, text（the keeper holds listen）", "已生效", "重启 aictl", "无需操作"},
	} {
		var out safeBuffer
		a := newApp(nil, &out, &safeBuffer{}, func(string) string { return "" })
		a.lang = lang
		if err := a.configChanges(doc); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s lacks %q:\n%s", lang, text, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("a value may move the cursor")
		}
	}
}
