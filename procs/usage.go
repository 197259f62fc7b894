package procs

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// Usage is what one instance's processes use together. Memory shared by them is counted once for each.
type Usage struct {
	MemoryBytes int64   // resident
	CPUSeconds  float64 // ended children included; only differences mean something, and a new process may begin at 0
	Processes   int
}

// Sampler measures instances. It costs nothing between two calls.
type Sampler struct {
	mount  cgroups.Mount
	groups bool
	last   atomic.Pointer[cgroups.Group] // found last
}

// NewSampler finds out how instances can be measured on this machine. It needs no connection to a keeper.
func NewSampler() *Sampler {
	mount, err := cgroups.FindMount()
	return &Sampler{mount: mount, groups: err == nil}
}

// Sample measures the instances that run, by id. One that ends meanwhile is left out. Many are shared out among the
// processors: it is all system calls.
func (s *Sampler) Sample(statuses []Status) map[string]Usage {
	const share = 64 // too few to be worth another thread
	usages := make(map[string]Usage, len(statuses))
	var mu sync.Mutex
	var work sync.WaitGroup
	parts := min(runtime.GOMAXPROCS(0), (len(statuses)+share-1)/share)
	for n := range parts {
		part := statuses[n*len(statuses)/parts : (n+1)*len(statuses)/parts]
		work.Go(func() {
			found := s.sample(part)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(usages, found)
		})
	}
	work.Wait()
	return usages
}

func (s *Sampler) sample(statuses []Status) map[string]Usage {
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
	if group, pids, ok := s.group(status); ok {
		if usage, ok := measureGroup(group, pids); ok {
			return usage, true
		}
	}
	var usage Usage
	for _, pid := range family(status.PID) {
		stat, err := kernel.ReadStat(pid)
		if err != nil || !stat.Alive() {
			continue
		}
		usage.add(stat.ResidentPages)
		usage.CPUSeconds += float64(stat.CPUTicks+stat.ChildCPUTicks) / kernel.TicksPerSecond
	}
	return usage, usage.Processes > 0
}

// measureGroup asks the group for what its processes, the ended ones too, have used of the processor; ok is false when it
// does not know.
func measureGroup(group cgroups.Group, pids []int) (usage Usage, ok bool) {
	seconds, err := group.CPUSeconds()
	if err != nil {
		return usage, false
	}
	usage.CPUSeconds = seconds
	for _, pid := range pids {
		if pages, err := kernel.Resident(pid); err == nil && pages > 0 {
			usage.add(pages)
		}
	}
	return usage, usage.Processes > 0
}

func (u *Usage) add(pages int64) {
	u.Processes++
	u.MemoryBytes += pages * memoryPage
}

var memoryPage = int64(os.Getpagesize())

// OpenFiles counts the descriptors of all processes of each instance, by id. What this process may not look at is left out.
func (s *Sampler) OpenFiles(statuses []Status) map[string]int {
	counts := make(map[string]int, len(statuses))
	for _, status := range statuses {
		if status.PID == 0 {
			continue
		}
		_, pids, grouped := s.group(status)
		if !grouped {
			pids = family(status.PID)
		}
		for _, pid := range pids {
			if n, err := kernel.OpenFiles(pid); err == nil {
				counts[status.ID] += n
			}
		}
	}
	return counts
}

// group is the instance's own cgroup, if it has one, and who is in it. The groups of one keeper lie side by side, so it is
// looked for beside the one found last, before the kernel is asked where the leader is.
func (s *Sampler) group(status Status) (group cgroups.Group, pids []int, ok bool) {
	if !s.groups {
		return group, nil, false
	}
	name := groupName(status.ID)
	if last := s.last.Load(); last != nil {
		group = last.Beside(name)
		if pids, err := group.Pids(); err == nil && slices.Contains(pids, status.PID) {
			return group, pids, true
		}
	}
	group, err := s.mount.GroupOf(status.PID)
	if err != nil || filepath.Base(group.Dir()) != name {
		return group, nil, false
	}
	s.last.Store(&group)
	pids, err = group.Pids()
	return group, pids, err == nil
}

// family is a leader and its descendants.
func family(leader int) []int {
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
