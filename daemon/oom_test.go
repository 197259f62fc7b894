package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aictl/procs"
)

// hungry serves, and takes more memory than it may when it is started with "now" or asked for /hog.
const hungry = `import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

def hog():
    b = bytearray(200 << 20)
    b[:] = bytes([1]) * len(b)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hog":
            hog()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

if "now" in sys.argv:
    hog()
HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
`

// A service that is killed for want of memory says so in the deploy's error, in the deploy's row and in status.
func TestOutOfMemoryIsTold(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil || len((procs.Limits{Memory: 1}).Unenforced()) > 0 {
		return // what is told then, the warning of the deploy, is tested in package deploy
	}
	r := startRig(t)
	const told = "killed: out of memory (limit 64 MiB)"
	limits := "\n" + quick + "resources: {memory: 64MiB}\nrestart: {policy: never}\n"
	dir := r.manifest("hungry", "command: python3 hungry.py now"+limits)
	if err := os.WriteFile(filepath.Join(dir, "hungry.py"), []byte(hungry), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := r.fails(1, "deploy", dir); !strings.Contains(out, told) {
		t.Errorf("deploy:\n%s", out)
	}
	if out := r.must("deploys", "show", "1"); !strings.Contains(out, told) {
		t.Errorf("deploys show:\n%s", out)
	}
	r.must("deploy", r.manifest("hungry", "command: python3 hungry.py"+limits))
	if res, err := plain.Get(r.gateway + "/ai/hungry/hog"); err == nil {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	last := ""
	r.until("status tells of it", func() bool {
		last, _, _ = r.run("status", "hungry")
		return strings.Contains(last, told)
	})
	r.stop()
}
