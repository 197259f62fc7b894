package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"aictl/configs"
)

// envHeld is the variable in which a keeper tells its daemon, and the program that takes its own place, what it holds: its
// addresses and the data directory stay what they are while it runs, whatever the settings file says by then.
const envHeld = "AICTL_HELD"

// heldBy is the content of envHeld. PID is the keeper's: the variable counts for it and its children only.
type heldBy struct {
	PID      int    `json:"pid"`
	DataDir  string `json:"data_dir"`
	Settings string `json:"settings"`
}

// keptSettings is a copy of the settings file as it was last valid. An orderly stop removes it.
func (l Layout) keptSettings() string { return filepath.Join(l.Run(), "settings.json") }

// kept is the content of keptSettings.
type kept struct {
	File    string `json:"file"` // whose content it was
	Content string `json:"content"`
}

// hold sets the variable for what this keeper starts.
func hold(s configs.Settings) error {
	settings, err := s.Held()
	if err != nil {
		return err
	}
	text, err := json.Marshal(heldBy{os.Getpid(), s.DataDir, settings})
	if err != nil {
		return err
	}
	return os.Setenv(envHeld, string(text))
}

// LoadSettings reads the settings. Where aictl runs already, or did until it was killed, a settings file that has become bad
// meanwhile does not count: its last good content does, and the daemon says that it is bad. In a process that a keeper
// has started, or that has taken its place, what that keeper holds counts whatever the file says.
func LoadSettings(src configs.Sources) (configs.Settings, error) {
	var by heldBy
	text := os.Getenv(envHeld)
	if text == "" || json.Unmarshal([]byte(text), &by) != nil || by.PID != os.Getpid() && by.PID != os.Getppid() {
		by = heldBy{}
		bare, err := configs.Load(configs.Sources{Flags: src.Flags, Env: src.Env, Database: src.Database})
		if err != nil {
			return configs.Load(src)
		}
		by.DataDir = bare.DataDir
	}
	content, err := Layout{by.DataDir}.lastSettings(src.File)
	if err != nil {
		return configs.Settings{}, err
	}
	s, _, err := configs.LoadKept(src, content)
	if err != nil || by.PID == 0 {
		return s, err
	}
	return s.Hold(by.Settings)
}

// lastSettings is the last good content of the settings file, nil when none is known.
func (l Layout) lastSettings(file string) ([]byte, error) {
	data, err := os.ReadFile(l.keptSettings())
	var k kept
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return nil, nil // not this user's: what is wrong with the folder is told by who needs it
	case err != nil:
		return nil, fmt.Errorf("read the settings that were last valid: %w", err)
	case json.Unmarshal(data, &k) != nil:
		return nil, nil // cut off by a crash: the file itself counts
	}
	if same, err := filepath.Abs(file); err != nil || same != k.File {
		return nil, err
	}
	return []byte(k.Content), nil
}

// keepSettings writes down the settings file's content, which is valid.
func (l Layout) keepSettings(s configs.Settings) error {
	path := l.keptSettings()
	if s.Content() == nil {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	file, _ := s.File()
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept{file, string(s.Content())})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("keep the settings that are valid: %w", err)
	}
	return os.Rename(path+".new", path)
}
