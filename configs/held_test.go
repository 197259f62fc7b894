package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A daemon process that is started anew has what its keeper has, and knows what the file says instead.
func TestHold(t *testing.T) {
	first := load(t, "data_dir: /srv/a\nlisten: 127.0.0.1:1\n", nil)
	text, err := first.Held()
	if err != nil {
		t.Fatal(err)
	}
	later := load(t, "data_dir: /srv/b\ngateway_listen: 127.0.0.1:2\nlog: {level: debug}\n", nil)
	got, err := later.Hold(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.DataDir != "/srv/a" || got.Listen != "127.0.0.1:1" || got.GatewayListen != "127.0.0.1:7680" || got.Log.Level != "debug" {
		t.Errorf("%+v", got)
	}
	next, err := got.Reload()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, c := range Diff(got, next) {
		keys = append(keys, c.Key+" "+c.New)
	}
	if want := "data_dir /srv/b, listen 127.0.0.1:7600, gateway_listen 127.0.0.1:2"; strings.Join(keys, ", ") != want {
		t.Errorf("waiting: %q, want %s", keys, want)
	}
	for _, e := range got.Explain() {
		if e.Key == "gateway_listen" && e.Source != "default" || e.Key == "data_dir" && !strings.HasSuffix(e.Source, "config.yaml") {
			t.Errorf("%+v", e)
		}
	}
	for _, bad := range []string{"", "{", `{"nonsense":{"value":"x"}}`, `{"listen":{"value":"x"},"ports":{"value":"x"}}`} {
		if _, err := later.Hold(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLoadKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, "lang: zh\n")
	src := Sources{File: file}
	s, refused, err := LoadKept(src, []byte("lang: en\n"))
	if err != nil || refused != nil || s.Lang != "zh" || string(s.Content()) != "lang: zh\n" {
		t.Errorf("a good file: %+v, %v, %v", s, refused, err)
	}
	kept := s.Content()
	writeFile(t, file, "lang: klingon\n")
	s, refused, err = LoadKept(src, kept)
	if err != nil || refused == nil || !strings.Contains(refused.Error(), "klingon") || s.Lang != "zh" {
		t.Errorf("a bad file: %+v, %v, %v", s, refused, err)
	}
	if _, err := s.Reload(); err == nil {
		t.Error("the file is still bad, and Reload does not say so")
	}
	if _, refused, err := LoadKept(src, nil); err == nil || refused != nil {
		t.Errorf("nothing was kept: %v, %v", refused, err)
	}
	if _, _, err := LoadKept(src, []byte("lang: elvish\n")); err == nil || !strings.Contains(err.Error(), "klingon") {
		t.Errorf("what was kept is bad, too: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if s, refused, err := LoadKept(src, kept); err != nil || refused == nil || s.Lang != "zh" {
		t.Errorf("the file is gone: %+v, %v, %v", s, refused, err)
	}
}
