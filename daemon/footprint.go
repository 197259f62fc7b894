package daemon

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settledAfter is when the keeper's start is over and what only the start needed can go.
const settledAfter = 2 * time.Second

// slim gives back the memory that only the start of the keeper needed. The keeper shares one program file with the daemon,
// and initialising that program's packages maps most of it; of these pages the keeper never looks at three quarters again.
func slim(ctx context.Context, log *slog.Logger) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(settledAfter):
	}
	debug.FreeOSMemory()
	if err := unmapProgram(); err != nil {
		log.Debug("program pages stay mapped", "err", err)
	}
}

// unmapProgram drops the page table entries of the program's read-only parts. They are mapped again from the page cache when
// touched. Mappings with changed pages are left alone: what was changed is not in the file.
func unmapProgram() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	var m mapping
	for lines := bufio.NewScanner(f); ; {
		more := lines.Scan()
		next, begins := parseMapping(lines.Text())
		if !more || begins {
			if m.path == exe && !m.writable && !m.changed {
				if err := m.drop(); err != nil {
					return fmt.Errorf("%s: %w", m.path, err)
				}
			}
			if m = next; !more {
				return lines.Err()
			}
			continue
		}
		m.note(lines.Text())
	}
}

// mapping is one entry of /proc/<pid>/smaps.
type mapping struct {
	from, to uintptr
	path     string
	writable bool
	changed  bool
}

// parseMapping reads an entry's first line: "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon".
func parseMapping(line string) (mapping, bool) {
	var m mapping
	var perms string
	field := strings.Fields(line)
	if len(field) < 6 {
		return m, false
	}
	if n, err := fmt.Sscanf(field[0]+" "+field[1], "%x-%x %s", &m.from, &m.to, &perms); n != 3 || err != nil {
		return m, false
	}
	m.path, m.writable = field[5], strings.Contains(perms, "w")
	return m, true
}

// note takes the counts that tell private copies of pages: "Anonymous:   12 kB".
func (m *mapping) note(line string) {
	name, value, _ := strings.Cut(line, ":")
	if name == "Anonymous" || name == "Private_Dirty" && m.writable {
		m.changed = m.changed || !strings.HasPrefix(strings.TrimSpace(value), "0 ")
	}
}

func (m *mapping) drop() error {
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	if errno != 0 {
		return errno
	}
	return nil
}
