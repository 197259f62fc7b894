package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settledAfter is when the keeper's start is over.
const settledAfter = 2 * time.Second

// slim gives back the memory that only the keeper's start needed: garbage, and the program's pages.
func slim(ctx context.Context, log *slog.Logger) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(settledAfter):
	}
	debug.FreeOSMemory()
	if err := dropCode(); err != nil {
		log.Debug("keep the code that starting touched", "err", err) // it only costs memory
	}
}

// dropCode gives back the pages of this program's file that starting up has touched: code and constants of every
// package, most of which a keeper never needs again. They are clean, so the kernel finds them in the page cache (or
// the file) when they are. Ranges that were written to, by the dynamic linker for example, are left alone.
func dropCode() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	ranges, err := cleanRanges(bufio.NewScanner(maps), self)
	if err = errors.Join(err, maps.Close()); err != nil {
		return err
	}
	for _, r := range ranges {
		// In pieces of 2 MB the kernel would map most of the file again for a few functions. One without huge pages
		// does not know the advice, and does not need it.
		if err := r.advise(unix.MADV_NOHUGEPAGE); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
		if err := r.advise(unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	return nil
}

// addresses is a mapping from (included) to to (excluded).
type addresses struct{ from, to uintptr }

func (r addresses) advise(advice uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, advice); errno != 0 {
		return fmt.Errorf("madvise %x-%x: %w", r.from, r.to, errno)
	}
	return nil
}

// cleanRanges are the mappings of file in a listing like /proc/self/smaps that cannot be written and have not been.
func cleanRanges(smaps *bufio.Scanner, file string) ([]addresses, error) {
	var ranges []addresses
	var at addresses
	var candidate bool
	for smaps.Scan() {
		fields := strings.Fields(smaps.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"): // 00403000-014bc000 r-xp 00003000 08:01 1234 /path
			from, to, err := addressesOf(fields[0])
			if err != nil {
				return nil, err
			}
			at = addresses{from, to}
			candidate = len(fields) > 5 && strings.Join(fields[5:], " ") == file && strings.HasPrefix(fields[1], "r-") && strings.HasSuffix(fields[1], "p")
		case len(fields) == 3 && fields[0] == "Anonymous:" && candidate: // written pages are anonymous copies
			if fields[1] == "0" {
				ranges = append(ranges, at)
			}
			candidate = false
		}
	}
	return ranges, smaps.Err()
}

func addressesOf(text string) (from, to uintptr, err error) {
	low, high, _ := strings.Cut(text, "-")
	first, err := strconv.ParseUint(low, 16, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read the address range %q: %w", text, err)
	}
	last, err := strconv.ParseUint(high, 16, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read the address range %q: %w", text, err)
	}
	return uintptr(first), uintptr(last), nil
}
