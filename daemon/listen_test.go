package daemon

import (
	"net"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/procs"
)

func TestSocketsOfTheServiceManager(t *testing.T) {
	tests := map[string]struct {
		passed []string // names, in their order
		want   []int    // which of them are the API's and the gateway's; -1 for one that is opened here
		fault  string
	}{
		"none":                {want: []int{-1, -1}},
		"one unit":            {passed: []string{"aictl.socket", "aictl.socket"}, want: []int{0, 1}},
		"named":               {passed: []string{"gateway", "api"}, want: []int{1, 0}},
		"the gateway's alone": {passed: []string{"gateway"}, want: []int{-1, 0}},
		"one without a name":  {passed: []string{"api", "unknown"}, want: []int{0, 1}},
		"twice":               {passed: []string{"api", "api"}, fault: "a second socket for api"},
		"three":               {passed: []string{"x", "x", "x"}, fault: "a second socket for gateway"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := Layout{t.TempDir()}
			if err := dir.prepare(); err != nil {
				t.Fatal(err)
			}
			var passed []procs.Activated
			for _, name := range test.passed {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				passed = append(passed, procs.Activated{Name: name, Listener: l})
			}
			s := configs.DefaultSettings()
			s.Listen, s.GatewayListen = "127.0.0.1:0", "127.0.0.1:0"
			open, err := listen(dir, s, "test", passed)
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Fatalf("%v", err)
				}
				for _, p := range passed {
					if p.Close() == nil {
						t.Errorf("%s was left open", p.Name)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int, 2)
			for n, name := range []string{listenAPI, listenGateway} {
				got[n] = slices.IndexFunc(passed, func(p procs.Activated) bool { return p.Listener == open[name] })
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("API and gateway are %v, want %v", got, test.want)
			}
			state, err := ReadState(dir.Root)
			if err != nil || state.Gateway != urlOf(open[listenGateway].Addr(), configs.TLSSettings{}) {
				t.Errorf("%+v, %v", state, err)
			}
			if err := listeners(open).close(); err != nil {
				t.Error(err)
			}
		})
	}
}
