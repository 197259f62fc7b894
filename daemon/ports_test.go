package daemon_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"aictl/configs"
)

// TestForeignPort: a port of the range that another program listens on is given to nobody.
func TestForeignPort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ports.Last = r.ports.First + 3
	stranger, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", r.ports.First))
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	for _, name := range []string{"one", "two"} {
		r.deploy(name, "")
		if port := r.instance(name).Port; port == r.ports.First || port > r.ports.Last {
			t.Errorf("%s has port %d; %d is a stranger's and %d the last", name, port, r.ports.First, r.ports.Last)
		}
		r.serves(name, "v1")
	}
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	r.stop()
}

// TestRedeployWithoutAPort: a new release that gets no port fails, and the old one keeps its own.
func TestRedeployWithoutAPort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ports = configs.PortRange{First: r.ports.First, Last: r.ports.First}
	r.start()
	r.deploy("only", "")
	before := r.instance("only")
	said := r.fails(1, "deploy", r.source("only", "-version v2"))
	for _, want := range []string{`step "start"`, "port", r.ports.String(), "serv"} {
		if !strings.Contains(said, want) {
			t.Errorf("the deploy does not say %q:\n%s", want, said)
		}
	}
	r.serves("only", "v1")
	if now := r.instance("only"); now.PID != before.PID {
		t.Errorf("the old instance was touched: %+v, was %+v", now, before)
	}
	r.stop()
}
