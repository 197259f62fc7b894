package procs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchDir is removed at the end of the test binary's run.
func benchDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("procs-bench-%d", os.Getpid()))
}

// nothing is a static program that does nothing, the least a service can be.
var nothing = sync.OnceValues(func() (string, error) {
	dir := benchDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	source := filepath.Join(dir, "nothing.c")
	if err := os.WriteFile(source, []byte("#include <unistd.h>\nint main(){for(;;)pause();}\n"), 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "nothing")
	return path, exec.Command("cc", "-O2", "-static", "-o", path, source).Run()
})

func idleSpec(b *testing.B, k *testKeeper, id string) Spec {
	b.Helper()
	path, err := nothing()
	if err != nil {
		b.Fatalf("cannot build the do-nothing program: %v", err)
	}
	return Spec{
		ID: id, Argv: []string{path}, Dir: "/", Env: os.Environ(), Log: LogPolicy{Path: filepath.Join(k.dir, escapeID(id)+".log")},
		Restart: RestartPolicy{Stable: time.Nanosecond}, Stop: StopPolicy{Signal: "KILL"},
	}
}

func benchTrees(b *testing.B, bench func(b *testing.B, cgroups bool)) {
	for _, on := range []bool{true, false} {
		b.Run(fmt.Sprintf("cgroups=%v", on), func(b *testing.B) { bench(b, on) })
	}
}

// BenchmarkStart100 starts 100 instances with one call.
func BenchmarkStart100(b *testing.B) {
	benchTrees(b, func(b *testing.B, cgroups bool) {
		for b.Loop() {
			b.StopTimer()
			k := startKeeper(b, withCgroups(cgroups))
			var specs []Spec
			for n := range 100 {
				specs = append(specs, idleSpec(b, k, fmt.Sprintf("idle/%d", n)))
			}
			b.StartTimer()
			results, err := k.client.ApplyAll(b.Context(), specs, ApplyOptions{Start: true})
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range results {
				if r.Err != nil || r.Status.State != StateRunning {
					b.Fatalf("%+v", r)
				}
			}
			k.end()
			b.StartTimer()
		}
	})
}

// startOuterBench is a keeper in a process of its own, as in real life.
func startOuterBench(b *testing.B, cgroups bool) *outerKeeper {
	o := &outerKeeper{cgr: cgroups}
	o.dir = filepath.Join(b.TempDir(), "run")
	o.begin(b)
	return o
}

// BenchmarkRespawn measures from the kill of a process to a client's knowledge of the next one.
func BenchmarkRespawn(b *testing.B) {
	benchTrees(b, func(b *testing.B, cgroups bool) {
		o := startOuterBench(b, cgroups)
		status, err := o.client.Apply(b.Context(), idleSpec(b, &o.testKeeper, "idle/1"), ApplyOptions{Start: true})
		if err != nil {
			b.Fatal(err)
		}
		changes, err := o.client.Watch(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			kill9(b, status.PID)
			for next := range changes {
				if next.PID != 0 && next.PID != status.PID {
					took = append(took, time.Since(began))
					status = next
					break
				}
			}
		}
		b.StopTimer()
		o.finish(b)
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	})
}

// BenchmarkCapture measures a process that writes as fast as it can into its log.
func BenchmarkCapture(b *testing.B) {
	const mib = 512
	k := startKeeper(b)
	b.SetBytes(mib << 20)
	n := 0
	for b.Loop() {
		n++
		spec := idleSpec(b, k, fmt.Sprintf("flood/%d", n))
		exe, err := os.Executable()
		if err != nil {
			b.Fatal(err)
		}
		spec.Argv = []string{exe, fmt.Sprint(mib)}
		spec.Env = append(spec.Env, modeVariable+"=bytes")
		spec.Restart.Policy = PolicyNever
		if _, err := k.client.Apply(b.Context(), spec, ApplyOptions{Start: true}); err != nil {
			b.Fatal(err)
		}
		i, err := k.find(spec.ID)
		if err != nil {
			b.Fatal(err)
		}
		wake, stop := k.host.feed.follow()
		for i.status.Load().State != StateStopped {
			<-wake
		}
		stop()
		if lost := i.status.Load().LogLost; lost != 0 {
			b.Fatalf("%d bytes lost", lost)
		}
		if err := k.client.Remove(b.Context(), spec.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports what an idle instance costs the keeper.
func BenchmarkMemory(b *testing.B) {
	const count = 300
	for b.Loop() {
		o := startOuterBench(b, true)
		before := settledPSS(b, o.cmd.Process.Pid)
		var specs []Spec
		for n := range count {
			specs = append(specs, idleSpec(b, &o.testKeeper, fmt.Sprintf("idle/%d", n)))
		}
		if _, err := o.client.ApplyAll(b.Context(), specs, ApplyOptions{Start: true}); err != nil {
			b.Fatal(err)
		}
		after := settledPSS(b, o.cmd.Process.Pid)
		b.ReportMetric(float64(before)/1024, "MiB/empty")
		b.ReportMetric(float64(after-before)/count, "KiB/instance")
		o.finish(b)
	}
}

// settledPSS is pss once the keeper has been quiet for a while.
func settledPSS(b *testing.B, pid int) int {
	time.Sleep(quietAfter + time.Second)
	return pss(b, pid)
}

// pss is a process's share of memory in KiB.
func pss(b *testing.B, pid int) int {
	b.Helper()
	var kib int
	for line := range strings.Lines(readFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))) {
		if n, err := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 && err == nil {
			return kib
		}
	}
	b.Fatal("no Pss in smaps_rollup")
	return 0
}
