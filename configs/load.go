package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sources are where settings come from, the strongest first. The zero value gives the defaults.
type Sources struct {
	Flags    map[string]string // key ("gateway_listen") → text, from the command line
	Env      []string          // as os.Environ gives it; AICTL_DEPLOY_UV sets deploy.uv
	Database map[string]string // key → text
	File     string            // "" for none
	Optional bool              // the file need not exist

	content []byte // instead of what the file holds, unless nil
}

// sourceDefault is the source of a key that nothing sets.
const sourceDefault = "default"

// Load reads and checks the settings. The error joins all Faults of all sources.
func Load(src Sources) (Settings, error) {
	l := &loader{settings: DefaultSettings()}
	l.settings.origin, l.settings.from = map[string]string{}, src
	l.file(src)
	l.texts("database", src.Database, "nodb")
	l.env(src.Env)
	l.flags(src.Flags)
	for _, f := range l.settings.faults() {
		f.File = l.settings.source(f.Path)
		if f.File == src.File && src.File != "" {
			f.Line = l.lines[f.Path]
		}
		l.faults = append(l.faults, f)
	}
	if err := join(l.faults); err != nil {
		return Settings{}, err
	}
	return l.settings, nil
}

type loader struct {
	settings Settings
	lines    map[string]int
	faults   []Fault
}

// file reads the settings file.
func (l *loader) file(src Sources) {
	path, data := src.File, src.content
	if path == "" {
		return
	}
	var err error
	if data == nil {
		data, err = readBounded(path)
	}
	if errors.Is(err, fs.ErrNotExist) && src.Optional {
		return
	}
	if err != nil {
		l.faults = append(l.faults, Fault{File: path, Msg: "cannot be read: " + reason(err)})
		return
	}
	d := newDecoder(path)
	d.decode(data, &l.settings)
	l.settings.content = data
	l.lines = d.lines
	l.faults = append(l.faults, d.faults...)
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		line, given := d.lines[key.path]
		if !given {
			continue
		}
		l.settings.origin[key.path] = path
		if key.field.Tag.Get("only") == "secret" && !l.settings.field(key).IsZero() {
			l.faults = append(l.faults, Fault{File: path, Line: line, Path: key.path,
				Msg: fmt.Sprintf("a secret does not belong in this file: put it into a file of its own and name that in %s_file, or set %s", key.path, EnvName(key.path))})
		}
	}
}

// readBounded reads a file, and no more of it than is needed to see that it is too long.
func readBounded(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// reason is an error without the path, which the Fault names already.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// env takes the AICTL_ variables that name a setting; others belong to the command line client.
func (l *loader) env(environ []string) {
	byName := map[string]leaf{}
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		byName[EnvName(key.path)] = key
	}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		// An empty variable is how a shell or a unit file unsets one.
		if key, ok := byName[name]; ok && text != "" {
			l.set(key, text, name)
		}
	}
}

func (l *loader) flags(flags map[string]string) {
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		source := "--" + strings.NewReplacer(".", "-", "_", "-").Replace(path)
		l.text(path, flags[path], source, "")
	}
}

func (l *loader) texts(source string, values map[string]string, refuse string) {
	for _, path := range slices.Sorted(maps.Keys(values)) {
		l.text(path, values[path], source, refuse)
	}
}

// text sets the key called path from text.
func (l *loader) text(path, text, source, refuse string) {
	key, fault := find(path)
	if fault == "" && refuse != "" && key.field.Tag.Get("only") == refuse {
		fault = fmt.Sprintf("cannot be set here: it says where the database is (use the file or %s)", EnvName(path))
	}
	if fault != "" {
		l.faults = append(l.faults, Fault{File: source, Path: path, Msg: fault})
		return
	}
	l.set(key, text, source)
}

// set gives a key the value that text stands for.
func (l *loader) set(key leaf, text, source string) {
	d := newDecoder(source)
	d.value(node(d, key, text), l.settings.field(key), key.path)
	if len(d.faults) > 0 {
		l.faults = append(l.faults, d.faults...)
		return
	}
	l.settings.origin[key.path] = source
}

// node is text as the decoder takes it: a list is YAML, such as [a, b].
func node(d *decoder, key leaf, text string) *yaml.Node {
	if key.field.Type.Kind() == reflect.Slice {
		if n := d.parse([]byte(text)); n != nil {
			return n
		}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text, Style: styleFor(key)}
}

// styleFor has texts taken as they are: "null" is a word in a variable.
func styleFor(key leaf) yaml.Style {
	if k := key.field.Type.Kind(); k == reflect.Int || k == reflect.Bool {
		return 0
	}
	return yaml.DoubleQuotedStyle
}

// find looks up a key by its path; fault says what is wrong when there is none.
func find(path string) (key leaf, fault string) {
	all := leaves(reflect.TypeFor[Settings]())
	names := make([]string, len(all))
	for i, k := range all {
		if k.path == path {
			return k, ""
		}
		names[i] = k.path
	}
	if near := suggest(path, names); near != "" {
		return leaf{}, fmt.Sprintf("unknown setting (did you mean %q?)", near)
	}
	return leaf{}, "unknown setting (known: " + strings.Join(names, ", ") + ")"
}

// EnvName is the environment variable of a setting: AICTL_DEPLOY_UV for deploy.uv.
func EnvName(key string) string {
	return "AICTL_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// CheckSetting says whether text can be the value of a setting in the database.
func CheckSetting(key, text string) error {
	l := &loader{settings: DefaultSettings()}
	l.settings.origin = map[string]string{}
	l.text(key, text, "", "nodb")
	for _, f := range l.settings.faults() {
		if f.Path == key {
			l.faults = append(l.faults, f)
		}
	}
	return join(l.faults)
}
