package envs

import (
	"bytes"
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// askAgain is how long a program's answer about itself is believed. Starting a Python to ask it takes longer than all
// else that a deploy does about an environment that is there already.
const askAgain = 10 * time.Minute

// answers are what programs said of themselves. The zero value is ready.
type answers struct {
	mu    sync.Mutex
	known map[string]answer // by path
}

type answer struct {
	file identity
	at   time.Time
	py   interpreter
}

// identity tells a file from the one that an installation puts in its place.
type identity struct {
	dev, ino uint64
	size     int64
	changed  syscall.Timespec
}

// identify returns path's identity. ok is false for what is no program of its own: a script, such as a version manager's,
// may start another Python every time.
func identify(path string) (id identity, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return id, false
	}
	defer f.Close()
	magic := make([]byte, 4)
	if n, err := f.Read(magic); err != nil || n < len(magic) || !bytes.Equal(magic, []byte("\x7fELF")) {
		return id, false
	}
	info, err := f.Stat()
	if err != nil {
		return id, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return id, false
	}
	return identity{st.Dev, st.Ino, st.Size, st.Ctim}, true
}

// ask returns what the Python at path is, from before when it is still the same file.
func (a *answers) ask(ctx context.Context, path string, now time.Time, ask func(context.Context, string) (interpreter, error)) (interpreter, error) {
	id, sure := identify(path)
	a.mu.Lock()
	before, known := a.known[path]
	a.mu.Unlock()
	if sure && known && before.file == id && now.Sub(before.at) < askAgain {
		return before.py, nil
	}
	py, err := ask(ctx, path)
	if err != nil || !sure {
		return py, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]answer{}
	}
	a.known[path] = answer{id, now, py}
	return py, nil
}
