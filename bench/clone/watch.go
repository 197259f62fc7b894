package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// memory is what a process tree holds, in bytes.
type memory struct{ anonymous, resident int64 }

// watch runs a command and returns how long it took and the most memory that it and its descendants held at a time.
func watch(_ context.Context, cmd *exec.Cmd) (time.Duration, memory, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, memory{}, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var peak memory
	for {
		select {
		case err := <-done:
			took := time.Since(begun)
			if err != nil {
				err = errors.Join(err, errors.New(strings.TrimSpace(said.String())))
			}
			return took, peak, err
		case <-tick.C:
			now := treeMemory(cmd.Process.Pid)
			peak.anonymous, peak.resident = max(peak.anonymous, now.anonymous), max(peak.resident, now.resident)
		}
	}
}

// treeMemory sums up a process and its descendants; those that end meanwhile count nothing.
func treeMemory(pid int) memory {
	var sum memory
	if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		for line := range strings.Lines(string(data)) {
			key, rest, _ := strings.Cut(line, ":")
			fields := strings.Fields(rest)
			if len(fields) != 2 {
				continue
			}
			kb, err := strconv.ParseInt(fields[0], 10, 64)
			if err != nil {
				continue
			}
			switch key {
			case "RssAnon":
				sum.anonymous += kb << 10
			case "VmRSS":
				sum.resident += kb << 10
			}
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return sum
	}
	for _, task := range tasks {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(data)) {
			if id, err := strconv.Atoi(child); err == nil {
				below := treeMemory(id)
				sum.anonymous += below.anonymous
				sum.resident += below.resident
			}
		}
	}
	return sum
}
