package services

import (
	"os"
	"strings"
)

// thisStart names the present start of the machine, or of the container: what ran before it has ended with the last one.
func thisStart() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // one name for all starts: what was done stays done
	}
	return strings.TrimSpace(string(boot)) + beginOfFirst()
}

// beginOfFirst is when the first process was started: a container's start leaves the kernel's boot id as it is.
func beginOfFirst() string {
	stat, err := os.ReadFile("/proc/1/stat")
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything; the start time is the 22nd field of all, the 20th after it.
	rest := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(rest) < 20 {
		return ""
	}
	return "/" + rest[19]
}
