package procs

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"aictl/procs/internal/launch"
)

// says runs a shell script as an instance to its end and returns what it wrote and how it ended.
func says(t *testing.T, k *testKeeper, id string, l Launch, script string) (string, Status) {
	t.Helper()
	s := k.spec(t, id, "")
	s.Argv = []string{"/bin/sh", "-c", script}
	s.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/"}
	s.Dir = "/"
	s.Launch = l
	s.Restart.Policy = PolicyNever
	if _, err := k.client.Apply(t.Context(), s, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	status := k.waitStatus(t, id, "has ended", func(s Status) bool { return s.PID == 0 && s.State != StateStarting })
	return readFile(s.Log.Path), status
}

func nofileLimit(t *testing.T) unix.Rlimit {
	t.Helper()
	var has unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &has); err != nil {
		t.Fatal(err)
	}
	return has
}

func TestLaunchSetsLimits(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		before := nofileLimit(t)
		log, status := says(t, k, "bounded", Launch{
			Rlimits: map[string]int64{"nofile": 123, "core": 0, "stack": 4 << 20, "as": 512 << 20, "fsize": 1 << 20},
			Umask:   "027", Nice: 7, OOMScoreAdj: 300,
		}, `echo limits $(ulimit -n) $(ulimit -Hn) $(ulimit -c) $(ulimit -s) $(ulimit -v) $(umask) $(nice) $(cat /proc/self/oom_score_adj); ls /proc/self/fd`)
		if !strings.Contains(log, "limits 123 123 0 4096 524288 0027 7 300\n") {
			t.Errorf("%q, %+v", log, status)
		}
		if after := nofileLimit(t); after != before {
			t.Errorf("the keeper's own limit was %v and is %v", before, after)
		}
		plain, _ := says(t, k, "plain", Launch{}, "ulimit -n; ls /proc/self/fd")
		if strings.Contains(plain, "F 123") || strings.Count(plain, "\n") != strings.Count(log, "\n") {
			t.Errorf("an instance without limits wrote %q, one with %q: is a descriptor handed down?", plain, log)
		}
	})
}

func TestLaunchRefused(t *testing.T) {
	k := startKeeper(t)
	tests := map[string]struct {
		launch Launch
		want   string
	}{
		"nobody":   {Launch{User: "no-such-user"}, `there is no user "no-such-user" on this machine: create it`},
		"no-group": {Launch{Group: "no-such-group"}, `there is no group "no-such-group" on this machine`},
	}
	// A hard limit that even root may not pass; without CAP_SYS_RESOURCE the keeper's own is one, too.
	tests["nofile"] = struct {
		launch Launch
		want   string
	}{Launch{Rlimits: map[string]int64{"nofile": 1 << 30}}, "cannot set nofile to 1073741824: the hard limit is "}
	if os.Getuid() != 0 {
		tests["nice"] = struct {
			launch Launch
			want   string
		}{Launch{Nice: -5}, "cannot set nice to -5: not permitted; less than 0"}
		tests["user"] = struct {
			launch Launch
			want   string
		}{Launch{User: "0"}, "needs root"}
	}
	for id, test := range tests {
		t.Run(id, func(t *testing.T) {
			_, status := says(t, k, id, test.launch, "echo alive; sleep 100")
			if !strings.Contains(status.Reason, test.want) || !strings.Contains(status.Reason, "cannot start /bin/sh") {
				t.Errorf("%+v", status)
			}
			if err := test.launch.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("probe: %v", err)
			}
		})
	}
	if err := (Launch{Rlimits: map[string]int64{"nofile": 64, "as": 1 << 30}, Nice: 1}).Probe(t.Context()); err != nil {
		t.Errorf("probe of what works: %v", err)
	}
}

func TestLaunchAsAnotherUser(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil || os.Getuid() != 0 {
		// Without root the refusal is what there is to see.
		if err := (Launch{User: "0"}).Probe(t.Context()); os.Getuid() != 0 && (err == nil || !strings.Contains(err.Error(), "needs root")) {
			t.Errorf("%v", err)
		}
		return
	}
	k := startKeeper(t)
	log, status := says(t, k, "nobody", Launch{User: "nobody", Group: "0"},
		`echo hi > /dev/stdout; echo me $(id -u) $(id -g) end; cat /proc/self/status | grep -i ^CapEff; test -r /proc/1/environ || echo confined`)
	for _, want := range []string{"hi\n", "me " + nobody.Uid + " 0 end", "0000000000000000", "confined"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %q; %+v", want, log, status)
		}
	}
	// A program behind a folder that is closed to the user: the message names the folder.
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(closed, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := k.spec(t, "closed", "")
	s.Argv, s.Dir, s.Launch, s.Restart.Policy = []string{program}, "/", Launch{User: "nobody"}, PolicyNever
	if _, err := k.client.Apply(t.Context(), s, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	refused := k.waitStatus(t, "closed", "refused", func(s Status) bool { return s.Reason != "" && s.PID == 0 })
	if !strings.Contains(refused.Reason, "user nobody cannot get to "+program+": no permission for ") {
		t.Errorf("%+v", refused)
	}
}

// What a program that cannot be run is told does not depend on the stub in between.
func TestLaunchOfMissingProgram(t *testing.T) {
	k := startKeeper(t)
	for _, l := range []Launch{{}, {Nice: 1}} {
		s := k.spec(t, "missing", "")
		s.ID, s.Argv, s.Dir, s.Launch, s.Restart.Policy = "missing", []string{"/no/such/program"}, "/", l, PolicyNever
		if _, err := k.apply(&s, ApplyOptions{Start: true, Restart: true}); err != nil {
			t.Fatal(err)
		}
		status := k.waitStatus(t, "missing", "told", func(s Status) bool { return s.Reason != "" && s.PID == 0 })
		if !strings.Contains(status.Reason, "cannot start /no/such/program: no such file; correct the command") {
			t.Errorf("%+v: %q", l, status.Reason)
		}
		if err := k.client.Remove(t.Context(), "missing"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLaunchValidation(t *testing.T) {
	for want, l := range map[string]Launch{
		`"bogus" is none of as, core`:              {Rlimits: map[string]int64{"bogus": 1}},
		"launch.rlimits.core is negative":          {Rlimits: map[string]int64{"core": -2}},
		`"888" is not an octal mask`:               {Umask: "888"},
		`"1777" is not an octal mask`:              {Umask: "1777"},
		"launch.nice 20 is not between -20 and 19": {Nice: 20},
		"launch.oom_score_adj 1001 is not":         {OOMScoreAdj: 1001},
	} {
		s := Spec{ID: "a", Argv: []string{"x"}, Dir: "/", Launch: l}
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	s := Spec{ID: "a", Argv: []string{"x"}, Dir: "/", Launch: Launch{Rlimits: map[string]int64{"core": Unlimited}, Umask: "22"}}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	with := s.Digest()
	if s.Launch = (Launch{}); s.Digest() == with {
		t.Error("the launch changes nothing in the digest")
	}
}

func TestFindIdentity(t *testing.T) {
	if id, err := FindIdentity("", ""); id != nil || err != nil {
		t.Errorf("%+v %v", id, err)
	}
	id, err := FindIdentity("4242424", "77")
	if err != nil || id.UID != 4242424 || id.GID != 77 || len(id.Groups) != 0 || id.Home != "" || id.String() != "user 4242424" {
		t.Errorf("%+v %v", id, err)
	}
	id, err = FindIdentity("", "77")
	if err != nil || id.UID != os.Getuid() || id.GID != 77 {
		t.Errorf("%+v %v", id, err)
	}
	if root, err := FindIdentity("root", ""); err != nil || root.UID != 0 || root.GID != 0 || root.Name != "root" {
		t.Errorf("%+v %v", root, err)
	}
}

func TestReadFault(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("panic: something else"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := launch.ReadFault(r); err == nil || !strings.Contains(err.Error(), "panic: something else") {
		t.Errorf("%v", err)
	}
}

// A keeper from before there were users would run as root what is meant for another: it does not get the spec.
func TestAnOlderKeeperGetsNoServiceOfAnotherUser(t *testing.T) {
	k := startKeeper(t)
	k.client.hello.Protocol = launchSince - 1
	plain, other, limited := k.spec(t, "plain", "wait"), k.spec(t, "other", "wait"), k.spec(t, "limited", "wait")
	other.Launch.User, limited.Launch.Nice = "nobody", 1
	results, err := k.client.ApplyAll(t.Context(), []Spec{plain, other, limited}, ApplyOptions{})
	if err != nil || len(results) != 3 {
		t.Fatalf("%+v %v", results, err)
	}
	for n, id := range []string{"plain", "other", "limited"} {
		if refused := errors.Is(results[n].Err, ErrVersion); results[n].ID != id || refused != (id == "other") || !refused && results[n].Err != nil {
			t.Errorf("%s: %+v", id, results[n])
		}
	}
	if list := k.statuses(); len(list) != 2 {
		t.Errorf("the keeper has %+v", list)
	}
}

// A service whose state file is lost is started again with the rights it had, not with the keeper's.
func TestUserOfALostSpec(t *testing.T) {
	k := startKeeper(t)
	s := k.spec(t, "lost", "")
	s.Argv, s.Dir = []string{"/bin/sh", "-c", "echo ready; exec sleep 300"}, "/"
	want := Launch{}
	if os.Getuid() == 0 {
		s.Launch = Launch{User: "4242", Group: "4243"}
		want = s.Launch
	}
	k.up(t, s)
	left, err := k.host.leftovers()
	if err != nil || len(left) != 1 {
		t.Fatalf("%+v %v", left, err)
	}
	spec, err := specOf(left[0])
	if err != nil || !reflect.DeepEqual(spec.Launch, want) {
		t.Errorf("%+v %v, want %+v", spec, err, want)
	}
}
