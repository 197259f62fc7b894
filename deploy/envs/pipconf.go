package envs

import (
	"os"
	"path/filepath"
	"strings"
)

// pipSettings are the settings of pip on this machine, by their long option names ("index-url"): its environment variables
// over its files. Many machines name their package mirror only there.
type pipSettings map[string]string

// readPipSettings reads them where pip does; etc is /etc. A file that cannot be read is as good as none: pip says so itself.
func readPipSettings(etc string, getenv func(string) string) pipSettings {
	s := pipSettings{}
	for _, path := range pipFiles(etc, getenv) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for key, value := range parsePipConf(string(data)) {
			s[key] = value
		}
	}
	for _, key := range []string{"index-url", "extra-index-url", "find-links", "trusted-host", "cert"} {
		if v := getenv("PIP_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))); v != "" {
			s[key] = v
		}
	}
	return s
}

// pipFiles are pip's files, the one that wins last: https://pip.pypa.io/en/stable/topics/configuration/.
func pipFiles(etc string, getenv func(string) string) []string {
	own := getenv("PIP_CONFIG_FILE")
	if own == os.DevNull {
		return nil
	}
	files := []string{filepath.Join(etc, "xdg", "pip", "pip.conf"), filepath.Join(etc, "pip.conf")}
	if home := getenv("HOME"); home != "" {
		config := getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(home, ".config")
		}
		files = append(files, filepath.Join(home, ".pip", "pip.conf"), filepath.Join(config, "pip", "pip.conf"))
	}
	if own != "" {
		files = append(files, own)
	}
	return files
}

// parsePipConf reads the sections [global] and [install], the latter winning. A value may go on in indented lines.
func parsePipConf(text string) map[string]string {
	sections := map[string]map[string]string{"global": {}, "install": {}}
	var current map[string]string
	var key string
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";"):
		case line[0] == ' ' || line[0] == '\t':
			if current != nil && key != "" {
				current[key] = strings.TrimSpace(current[key] + " " + trimmed)
			}
		case strings.HasPrefix(trimmed, "["):
			current, key = sections[strings.Trim(trimmed, "[]")], ""
		default:
			at := strings.IndexAny(trimmed, "=:")
			if at < 0 {
				key = ""
				continue
			}
			key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(trimmed[:at])), "_", "-")
			if current != nil {
				current[key] = strings.TrimSpace(trimmed[at+1:])
			}
		}
	}
	all := sections["global"]
	for key, value := range sections["install"] {
		all[key] = value
	}
	return all
}

// forUV says the same to uv, which reads none of pip's settings. What the user has told uv itself stands.
func (s pipSettings) forUV(getenv func(string) string) map[string]string {
	env := map[string]string{}
	for _, t := range []struct {
		pip, uv, separator string
		unless             []string
	}{
		{"index-url", "UV_DEFAULT_INDEX", " ", []string{"UV_INDEX_URL"}},
		{"extra-index-url", "UV_INDEX", " ", []string{"UV_EXTRA_INDEX_URL"}},
		{"find-links", "UV_FIND_LINKS", ",", nil},
		{"trusted-host", "UV_INSECURE_HOST", " ", nil},
		{"cert", "SSL_CERT_FILE", " ", nil},
	} {
		set := getenv(t.uv) != ""
		for _, other := range t.unless {
			set = set || getenv(other) != ""
		}
		if values := strings.Fields(s[t.pip]); len(values) > 0 && !set {
			env[t.uv] = strings.Join(values, t.separator)
		}
	}
	return env
}
