package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A daemon that is started while the file is bad has the settings that were last valid.
func TestDaemonStartedOverABadFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(r.dir, "config.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setting := func(key string) string {
		t.Helper()
		return strings.TrimSpace(r.must("config", "get", key))
	}
	restart := func() {
		t.Helper()
		old := r.worker()
		r.signal(old, syscall.SIGKILL)
		r.until("another daemon answers", func() bool { return r.well() && r.worker() != old })
	}
	write("deploy: {keep_releases: 7}\n")
	r.flags = []string{"--config", file}
	r.start()
	r.deploy("echo", "")
	was := r.instance("echo")
	r.until("the good file is kept", func() bool {
		_, err := os.Stat(filepath.Join(r.data, "run", "settings.json"))
		return err == nil
	})
	write("deploy: {keep_releases: none}\n")
	restart()
	if got := setting("deploy.keep_releases"); got != "7" {
		t.Errorf("keep_releases is %s", got)
	}
	r.until("the bad file is told of", func() bool {
		_, said, _ := r.run("status")
		return strings.Contains(said, "the settings file is not valid")
	})
	// Not even the keeper's end makes a bad file count: somebody has to look after the services.
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	r.start()
	if got := setting("deploy.keep_releases"); got != "7" {
		t.Errorf("after the keeper was killed, keep_releases is %s", got)
	}
	write("deploy: {keep_releases: 9}\n")
	restart()
	r.until("the good file is taken up", func() bool { return setting("deploy.keep_releases") == "9" })
	if now := r.instance("echo"); now.PID != was.PID {
		t.Errorf("%+v was replaced by %+v", was, now)
	}
	r.serves("echo", "v1")
	// After an orderly stop it does: whoever starts aictl then sees what is wrong.
	write("deploy: {keep_releases: none}\n")
	r.stop()
	if said := r.fails(2, "daemon", "--config", file); !strings.Contains(said, "config.yaml:1: deploy.keep_releases") {
		t.Errorf("it said %s", said)
	}
}
