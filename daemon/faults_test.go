package daemon_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aictl/api"
)

// These variables replay a run, or make it longer.
const (
	seedVariable  = "AICTL_FAULTS_SEED"
	countVariable = "AICTL_FAULTS"
)

// faultRigs run side by side, since most of a fault's time is waiting.
const faultRigs = 3

// TestRandomFaults lets random faults come over keepers, daemons and services of every temperament, and checks after
// each that everything is as it should be: see broken.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	seed := uint64(numberFrom(t, seedVariable, time.Now().UnixNano()))
	count := 200
	if os.Getenv("CI") == "true" {
		count = 1000
	}
	count = int(numberFrom(t, countVariable, int64(count)))
	if testing.Short() {
		count = min(count, 60)
	}
	t.Logf("%d faults from seed %d", count, seed)
	program := filepath.Join(t.TempDir(), "chaossvc")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/chaossvc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Subtests that run at the same time end before the group does, and the program is removed only then.
	t.Run("rigs", func(t *testing.T) {
		for n := range faultRigs {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				newTrial(t, program, seed, n).run((count + n) / faultRigs)
			})
		}
	})
}

func numberFrom(t *testing.T, variable string, fallback int64) int64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// trial is one run of random faults on one rig. What is drawn depends on the seed alone, not on time.
type trial struct {
	*rig
	seed     uint64
	rnd      *rand.Rand
	subjects []*subject
	kinds    []kind
	step     int
	history  []string
	since    uint64 // start time of this test, in ticks since boot

	// What was seen when all was well.
	told      map[string]api.Service
	daemon    int
	leaders   map[string]found
	children  map[string][]found
	killed    map[int]int // leader → how many of its children a fault killed
	files     map[int]int // keeper or daemon → descriptors when it was new
	mostFiles int         // the largest growth seen
}

// subject is a service and what it should be.
type subject struct {
	name     string
	flags    string
	more     string
	replicas int
	children int
	deaf     bool // to SIGTERM
	clean    bool // an end with code 0 leaves it stopped
	limited  bool // in memory
	stopped  bool
}

const quickRestart = "restart: {policy: %s, backoff: 10ms, max_backoff: 100ms, give_up_after: 1000000}\n" +
	"log: {max_size: 64KB, files: 2}\n" +
	"health: {path: /health, interval: 200ms, timeout: 10s, start_period: 20s, failures: 3}\n"

func temperaments() []*subject {
	return []*subject{
		{name: "plain", replicas: 1},
		{name: "slow", flags: "-delay 100ms -stop 100ms", replicas: 1},
		{name: "deaf", flags: "-stop -1s", more: "stop: {grace: 100ms}", replicas: 1, deaf: true},
		{name: "forker", flags: "-forks", more: "stop: {grace: 100ms}", replicas: 1, children: 3},
		{name: "pair", replicas: 2},
		{name: "noisy", flags: "-noise 5ms", replicas: 1, clean: true},
		{name: "greedy", more: "resources: {memory: 48MiB}", replicas: 1, limited: true},
	}
}

func newTrial(t *testing.T, program string, seed uint64, n int) *trial {
	t.Helper()
	f := &trial{
		rig: newRig(t), seed: seed, rnd: rand.New(rand.NewPCG(seed, uint64(n))), subjects: temperaments(),
		leaders: map[string]found{}, killed: map[int]int{}, files: map[int]int{},
	}
	_, _, f.since = statOf(os.Getpid())
	full := namespaces() == nil
	if full {
		f.inside = mountNamespace()
		dir := filepath.Join(f.data, "logs")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f.before = mountLine("size=2m,mode=700", dir)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s=%d, rig %d, fault %d; the last ones:\n%s", seedVariable, seed, n, f.step, strings.Join(f.history, "\n"))
		}
	})
	f.start()
	for _, s := range f.subjects {
		policy := "always"
		if s.clean {
			policy = "on-failure"
		}
		f.must("deploy", f.manifest(s.name, fmt.Sprintf("command: %s %s\nreplicas: %d\n%s%s\n",
			program, s.flags, s.replicas, fmt.Sprintf(quickRestart, policy), s.more)))
	}
	f.settle()
	f.kinds = f.possible(full)
	return f
}

func (f *trial) run(count int) {
	f.t.Helper()
	begun := time.Now()
	total := 0
	for _, k := range f.kinds {
		total += k.weight
	}
	for f.step = 1; f.step <= count; f.step++ {
		n := f.rnd.IntN(total)
		for _, k := range f.kinds {
			if n -= k.weight; n < 0 {
				k.do(f)
				break
			}
		}
	}
	f.t.Logf("%d faults in %s; descriptors grew by %d at most", count, time.Since(begun).Round(time.Millisecond), f.mostFiles)
	for _, s := range f.subjects { // so that the end is an orderly one of everything
		if s.stopped {
			f.act(api.ActionRequest{Action: api.ActionStart, Patterns: []string{s.name}})
			s.stopped = false
		}
	}
	f.settle()
	f.stop()
	f.leases()
}

// leases checks what is left in the store: a port for each instance, and no port twice.
func (f *trial) leases() {
	f.t.Helper()
	leases, err := f.openStore().Leases(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	want := 0
	for _, svc := range f.told {
		for _, i := range svc.Instances {
			want++
			if leases[i.Port] != i.ID {
				f.t.Errorf("port %d of %s is leased to %q", i.Port, i.ID, leases[i.Port])
			}
		}
	}
	if len(leases) != want {
		f.t.Errorf("%d ports are leased to %d instances: %v", len(leases), want, leases)
	}
}

// note writes a fault down before it is done.
func (f *trial) note(format string, args ...any) {
	const kept = 20
	f.history = append(f.history, fmt.Sprintf("%s %d: ", time.Now().Format("15:04:05.000"), f.step)+fmt.Sprintf(format, args...))
	f.history = f.history[max(0, len(f.history)-kept):]
}

// fail ends the trial; its cleanup tells how to replay it.
func (f *trial) fail(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf(format, args...)
}
