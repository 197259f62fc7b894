package procs

import (
	"fmt"
	"strings"
	"time"
)

// clean says that the process ended the way it wanted to, without a fault.
func (e Exit) clean() bool { return e.Code == 0 && e.Signal == "" && !e.Unknown }

// describeExit says how a process ended, for people.
func describeExit(e Exit) string {
	what := fmt.Sprintf("exited with code %d", e.Code)
	switch {
	case e.Unknown:
		what = "ended while no keeper was watching, exit code unknown"
	case e.OOM:
		what = e.OutOfMemory()
	case e.Signal != "":
		what = "killed by SIG" + e.Signal
	}
	if e.Uptime <= 0 {
		return what
	}
	return what + " after " + short(roundUptime(e.Uptime))
}

// OutOfMemory says of an exit with OOM set how it came about.
func (e Exit) OutOfMemory() string {
	return "killed: out of memory (limit " + humanBytes(e.MemoryLimit) + ")"
}

// roundUptime keeps two or three figures: nobody reads nanoseconds.
func roundUptime(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// short writes a duration without zero units: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// serviceName is the service of an instance: "ocr" of "ocr/1".
func serviceName(id string) string {
	if i := strings.LastIndexByte(id, '/'); i > 0 {
		return id[:i]
	}
	return id
}

// humanBytes writes a number of bytes in the largest unit it reaches: 2 GiB, 1.5 MiB.
func humanBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}
