package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// held is one setting as the keeper has it.
type held struct {
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Held writes down the settings that the keeper holds as long as it runs (EffectRestart), whatever the file says later.
func (s Settings) Held() (string, error) {
	keys := map[string]held{}
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		if effectOf(key) == EffectRestart {
			keys[key.path] = held{text(s.field(key)), s.source(key.path)}
		}
	}
	data, err := json.Marshal(keys)
	return string(data), err
}

// Hold is s with what Held has written down. What s said instead is what Reload finds to be waiting.
func (s Settings) Hold(text string) (Settings, error) {
	var keys map[string]held
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return s, fmt.Errorf("read the settings that the keeper holds: %w", err)
	}
	l := &loader{settings: s}
	l.settings.origin = map[string]string{}
	for path, source := range s.origin {
		l.settings.origin[path] = source
	}
	for path, h := range keys {
		l.text(path, h.Value, h.Source, "")
		if h.Source == sourceDefault {
			delete(l.settings.origin, path)
		}
	}
	return l.settings, join(l.faults)
}

// LoadKept is Load, but when the file's content is not valid, kept, which was, stands in for it. refused is what is
// wrong with the file then.
func LoadKept(src Sources, kept []byte) (s Settings, refused, err error) {
	s, refused = Load(src)
	if refused == nil || src.File == "" || kept == nil {
		return s, nil, refused
	}
	old := src
	old.content = kept
	if s, err = Load(old); err != nil {
		return Settings{}, nil, refused
	}
	s.from = src
	return s, refused, nil
}

// Content is the text of the settings file that these were read from; nil when there was none.
func (s Settings) Content() []byte { return s.content }
