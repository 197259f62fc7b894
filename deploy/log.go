package deploy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aictl/gitea"
	"aictl/store"
)

// A deploy's log holds maxLog bytes and, when there was more, the last lateLines lines; tailBlock bytes are read for
// its last lines.
const (
	maxLog    = 16 << 20
	tailBlock = 256 << 10
	lateLines = 200
)

// deployLog is the log of one deploy: a file, and events for whoever watches. Secrets are masked in both.
type deployLog struct {
	id  int64
	hub *hub
	now func() time.Time

	mu      sync.Mutex
	f       *os.File
	size    int64
	broken  error    // the first error of the file
	late    []string // the last lines of what does not fit, for the end
	left    int      // lines that did not fit
	secrets []string
}

func logPath(dir string, id int64) string {
	return filepath.Join(dir, "deploys", strconv.FormatInt(id, 10)+".log")
}

func openLog(dir string, id int64, h *hub, now func() time.Time) (*deployLog, error) {
	path := logPath(dir, id)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the deploy's log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the deploy's log: %w", err)
	}
	return &deployLog{id: id, hub: h, now: now, f: f}, nil
}

// hide adds secrets that must not be seen.
func (l *deployLog) hide(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range secrets {
		if s != "" {
			l.secrets = append(l.secrets, s)
		}
	}
}

func (l *deployLog) mask(s string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return gitea.Mask(s, l.secrets...)
}

// line writes a line of a step. A full disk does not stop a deploy because of its log; close tells it.
func (l *deployLog) line(step, text string) {
	text = l.mask(strings.TrimRight(text, "\n"))
	at := l.now()
	l.mu.Lock()
	for part := range strings.SplitSeq(text, "\n") {
		l.write(at.UTC().Format(time.RFC3339) + " " + step + " | " + part + "\n")
	}
	l.mu.Unlock()
	l.hub.publish(Event{Deploy: l.id, Step: step, Line: text, At: at})
}

func (l *deployLog) write(s string) {
	if l.broken != nil {
		return
	}
	if l.size += int64(len(s)); l.size > maxLog {
		l.left++
		if l.late = append(l.late, s); len(l.late) > lateLines {
			l.late = l.late[1:]
		}
		return
	}
	_, l.broken = l.f.WriteString(s)
}

// writeLate appends the end of a log that grew too long: what failed is said there.
func (l *deployLog) writeLate() {
	if l.broken != nil || l.left == 0 {
		return
	}
	if cut := l.left - len(l.late); cut > 0 {
		l.late = slices.Insert(l.late, 0, fmt.Sprintf("%s log | (%d lines are left out here: a log holds %d MiB)\n",
			l.now().UTC().Format(time.RFC3339), cut, maxLog>>20))
	}
	_, l.broken = l.f.WriteString(strings.Join(l.late, ""))
}

func (l *deployLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeLate()
	return errors.Join(l.broken, l.f.Close())
}

// Tail returns the last n lines of a deploy's log, without their times; one that has not begun has none.
func (d *Deployer) Tail(ctx context.Context, id int64, n int) ([]string, error) {
	f, err := os.Open(logPath(d.Dirs.Logs, id))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := d.Store.Deploy(ctx, id); errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log of deploy %d: %w", id, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-tailBlock)
	sc := bufio.NewScanner(io.NewSectionReader(f, from, info.Size()-from))
	sc.Buffer(nil, tailBlock+1)
	var lines []string
	for first := from > 0; sc.Scan(); first = false {
		if first {
			continue // begins in the middle
		}
		_, text, _ := strings.Cut(sc.Text(), " ")
		if lines = append(lines, text); len(lines) > n {
			lines = lines[1:]
		}
	}
	return lines, sc.Err()
}
