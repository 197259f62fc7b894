package configs

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// Explained is one setting with where its value comes from.
type Explained struct {
	Key     string `json:"key"`
	Value   string `json:"value"`   // masked for secrets
	Source  string `json:"source"`  // "default", "database", a file's path, a variable's or a flag's name
	Default string `json:"default"` // masked likewise
	Env     string `json:"env"`     // the variable that sets it
	Help    string `json:"help"`
	Secret  bool   `json:"secret,omitempty"`
	Effect  Effect `json:"effect"` // of a change
}

// mask stands for a secret that is set.
const mask = "********"

// Explain lists every setting.
func (s Settings) Explain() []Explained {
	var list []Explained
	defaults := DefaultSettings()
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		list = append(list, Explained{
			Key:     key.path,
			Value:   s.shown(key),
			Source:  s.source(key.path),
			Default: defaults.shown(key),
			Env:     EnvName(key.path),
			Help:    key.field.Tag.Get("help"),
			Secret:  key.field.Tag.Get("only") == "secret",
			Effect:  effectOf(key),
		})
	}
	return list
}

// source is where a key's value comes from.
func (s *Settings) source(path string) string { return cmp.Or(s.origin[path], sourceDefault) }

// field is the value of a key.
func (s *Settings) field(key leaf) reflect.Value {
	return reflect.ValueOf(s).Elem().FieldByIndex(key.index)
}

// text writes a value as it would be set.
func text(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	if v.Kind() == reflect.Slice {
		if b, err := json.Marshal(v.Interface()); err == nil && v.Len() > 0 {
			return string(b)
		}
		return "[]"
	}
	return fmt.Sprint(v.Interface())
}

func hidePassword(value string) string {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		return u.Redacted()
	}
	return value
}

// Validate checks every value. The error joins all Faults found.
func (s Settings) Validate() error { return join(s.faults()) }

func (s *Settings) faults() []Fault {
	var c checker
	if !filepath.IsAbs(s.DataDir) || strings.ContainsRune(s.DataDir, 0) {
		c.fault("data_dir", "%q is not an absolute path", clip(s.DataDir))
	}
	c.address("listen", s.Listen)
	c.address("gateway_listen", s.GatewayListen)
	if u, err := url.Parse(s.PublicURL); s.PublicURL != "" && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https")) {
		c.fault("public_url", "%q is not an address that others can open (write https://aictl.example.com)", clip(s.PublicURL))
	}
	if s.Listen == s.GatewayListen && !strings.HasSuffix(s.Listen, ":0") {
		c.fault("gateway_listen", "%s is the API's address already: choose another port", s.Listen)
	}
	s.TLS.check(&c, "tls")
	s.GatewayTLS.check(&c, "gateway_tls")
	if _, err := TrustedProxies(s.Trusted); err != nil {
		c.fault("trusted_proxies", "%s (write 127.0.0.1 or 10.0.0.0/8)", err)
	}
	if s.Ports.First < 1 || s.Ports.Last > 65535 || s.Ports.Len() < 1 {
		c.fault("ports", "%s is not a range of ports (write 8001-8999)", s.Ports)
	}
	oneOf(&c, "lang", s.Lang, "auto", "en", "zh")
	oneOf(&c, "log.level", s.Log.Level, "debug", "info", "warn", "error")
	oneOf(&c, "log.format", s.Log.Format, "auto", "text", "json")
	if u, err := url.Parse(s.Gitea.URL); s.Gitea.URL != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		c.fault("gitea.url", "%q is not the address of a server (write https://git.example.com)", clip(s.Gitea.URL))
	}
	if u, err := url.Parse(s.Gitea.WebhookURL); s.Gitea.WebhookURL != "" && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https")) {
		c.fault("gitea.webhook_url", "%q is not the address of this server (write https://aictl.example.com or http://10.0.0.5:7600)", clip(s.Gitea.WebhookURL))
	}
	c.between("deploy.build_slots", s.Deploy.BuildSlots, 1, 64)
	c.between("deploy.keep_releases", s.Deploy.KeepReleases, 2, 1000)
	c.between("deploy.keep_deploys", s.Deploy.KeepDeploys, 1, 100_000)
	if s.Deploy.MinFree < 0 {
		c.fault("deploy.min_free", "%s is negative (write 0 for no limit)", s.Deploy.MinFree)
	}
	c.positive("deploy.step_timeout", s.Deploy.StepTimeout)
	c.between("deploy.preview_limit", s.Deploy.PreviewLimit, 0, 100)
	c.notNegative("deploy.preview_age", s.Deploy.PreviewAge)
	c.index("deploy.pip_index", s.Deploy.PipIndex)
	c.program("deploy.uv", s.Deploy.UV)
	c.program("deploy.python", s.Deploy.Python)
	c.program("deploy.node", s.Deploy.Node)
	if s.Recorder.QueueBytes < 1<<20 {
		c.fault("recorder.queue_bytes", "%s is too small: at least 1MiB", s.Recorder.QueueBytes)
	}
	c.notNegative("recorder.retention", s.Recorder.Retention)
	s.Records.check(&c)
	s.Hooks.check(&c)
	return c.faults
}

// address accepts host:port with a numeric port; the host may be empty.
func (c *checker) address(path, v string) {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		c.fault(path, "%q is not an address (write 127.0.0.1:7600, or :7600 for every interface)", clip(v))
	}
}

func (c *checker) program(path, v string) {
	if v == "" || strings.ContainsRune(v, 0) {
		c.fault(path, "%q names no program", clip(v))
	}
}
