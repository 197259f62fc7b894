package gitea

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listen reads what git says and keeps the last lines that are not progress.
func listen(r io.Reader, progress func(string)) []string {
	var kept []string
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, saidLine), 64<<10)
	sc.Split(splitProgress)
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if line == "" {
			continue
		}
		if isProgress(line) {
			if progress != nil {
				progress(line)
			}
			continue
		}
		if kept = append(kept, strings.ToValidUTF8(line[:min(len(line), saidLine)], "�")); len(kept) > saidLines {
			kept = kept[1:]
		}
	}
	if sc.Err() != nil { // a line longer than any of git's; the program must not block on a full pipe
		_, err := io.Copy(io.Discard, r)
		kept = append(kept, errors.Join(sc.Err(), err).Error())
	}
	return kept
}

// splitProgress ends lines at carriage returns, too: git writes its progress over itself.
func splitProgress(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

var progressLine = regexp.MustCompile(`^(remote: )?[A-Z][A-Za-z -]+: +(\d+%|\d+,|\d+$|\d+, done)`)

func isProgress(line string) bool { return progressLine.MatchString(line) }

// family is a process group whose leader has not been reaped, so that its number is nobody else's.
type family struct {
	pid int

	mu    sync.Mutex
	over  bool
	later *time.Timer
}

// stop asks the group to end, and makes it a little later.
func (f *family) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return
	}
	f.signal(unix.SIGTERM)
	f.later = time.AfterFunc(stopGrace, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.over {
			f.signal(unix.SIGKILL)
		}
	})
}

// signal reaches everything in the group. That nothing is left of it is as good.
func (f *family) signal(sig syscall.Signal) {
	if err := unix.Kill(-f.pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return // EPERM: git changes no user, so this is none of its processes
	}
}

// await waits for the leader and ends what it left behind; the caller reaps it.
func (f *family) await() {
	for {
		err := unix.Waitid(unix.P_PID, f.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	if f.later != nil {
		f.later.Stop()
	}
	f.signal(unix.SIGKILL)
}
