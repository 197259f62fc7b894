package procs

import (
	"os"
	"path/filepath"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// Usage is what one instance's processes use together. Memory shared by them is counted once for each.
type Usage struct {
	MemoryBytes int64   // resident
	CPUSeconds  float64 // ended children included; only differences mean something, and a new process may begin at 0
	Processes   int
}

// Sampler measures instances. It holds nothing and costs nothing between two calls.
type Sampler struct {
	mount  cgroups.Mount
	groups bool
}

// NewSampler finds out how instances can be measured on this machine. It needs no connection to a keeper.
func NewSampler() *Sampler {
	mount, err := cgroups.FindMount()
	return &Sampler{mount: mount, groups: err == nil}
}

// Sample measures the instances that run, by id. One that ends meanwhile is left out.
func (s *Sampler) Sample(statuses []Status) map[string]Usage {
	usages := make(map[string]Usage, len(statuses))
	for _, status := range statuses {
		if status.PID == 0 {
			continue
		}
		if usage, ok := s.measure(status); ok {
			usages[status.ID] = usage
		}
	}
	return usages
}

func (s *Sampler) measure(status Status) (Usage, bool) {
	group, grouped := s.group(status)
	var usage Usage
	for _, pid := range members(status.PID, group, grouped) {
		stat, err := kernel.ReadStat(pid)
		if err != nil || !stat.Alive() {
			continue
		}
		usage.Processes++
		usage.MemoryBytes += stat.ResidentPages * int64(os.Getpagesize())
		usage.CPUSeconds += float64(stat.CPUTicks+stat.ChildCPUTicks) / kernel.TicksPerSecond
	}
	if grouped {
		if seconds, err := group.CPUSeconds(); err == nil {
			usage.CPUSeconds = seconds
		}
	}
	return usage, usage.Processes > 0
}

// OpenFiles counts the descriptors of all processes of each instance, by id. What this process may not look at is left out.
func (s *Sampler) OpenFiles(statuses []Status) map[string]int {
	counts := make(map[string]int, len(statuses))
	for _, status := range statuses {
		if status.PID == 0 {
			continue
		}
		group, grouped := s.group(status)
		for _, pid := range members(status.PID, group, grouped) {
			if n, err := kernel.OpenFiles(pid); err == nil {
				counts[status.ID] += n
			}
		}
	}
	return counts
}

// group is the instance's own cgroup, if it has one.
func (s *Sampler) group(status Status) (cgroups.Group, bool) {
	if !s.groups {
		return cgroups.Group{}, false
	}
	group, err := s.mount.GroupOf(status.PID)
	return group, err == nil && filepath.Base(group.Dir()) == groupName(status.ID)
}

func members(leader int, group cgroups.Group, grouped bool) []int {
	if grouped {
		if pids, err := group.Pids(); err == nil {
			return pids
		}
	}
	pids := []int{leader}
	for n := 0; n < len(pids); n++ {
		below, err := kernel.Children(pids[n])
		if err != nil {
			continue // it ended meanwhile
		}
		pids = append(pids, below...)
	}
	return pids
}
