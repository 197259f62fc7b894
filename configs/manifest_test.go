package configs

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the expected messages anew")

// TestBadManifests compares the messages for every file in testdata/bad with the .txt beside it.
func TestBadManifests(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := ParseManifest(data, "aictl.yaml")
			if err == nil || m != nil {
				t.Fatalf("accepted as %+v", m)
			}
			checkFaults(t, err)
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// checkFaults wants every fault to have a file, a line and a message.
func checkFaults(t *testing.T, err error) {
	t.Helper()
	faults := Faults(err)
	if len(faults) == 0 {
		t.Fatalf("no Fault in %v", err)
	}
	for _, f := range faults {
		if f.File == "" || f.Line < 1 || f.Msg == "" {
			t.Errorf("incomplete: %+v", f)
		}
	}
}

func good(t *testing.T, name string) *Manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/good", name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(data, name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFullManifest(t *testing.T) {
	want := DefaultManifest()
	want.Name, want.Runtime, want.Command = "text-classify", RuntimePython, "python main.py"
	want.Resource = Resources{Memory: 2 << 30, CPUs: 2, Pids: 512, Nofile: 4096, GPUs: "0",
		Rlimits: map[string]Rlimit{"core": 0, "memlock": Unlimited, "fsize": 1 << 30}}
	want.Process = Process{User: "ocr", Group: "44", Umask: "027", Nice: -5, OOMScoreAdj: 300}
	want.Env = map[string]string{"MODEL": "base", "RATE": "0.50", "DEBUG": "true", "EMPTY": ""}
	want.Groups = []string{"vision"}
	want.Hooks.Release = "python migrate.py --name 'a b'"
	want.Record.Pressure = "refuse"
	want.Record.Redact = []string{"$.user.phone"}
	want.Record.Session = "header:X-Session-ID"
	want.Record.Model, want.Record.User = "response.json:$.model", "header:X-User"
	want.Record.Index = []string{"$.result.label", "request.$['odd name'][*].n"}
	want.Record.Retention = RecordRetention{Age: Duration(30 * 24 * time.Hour), Bytes: 10_000_000_000, Rows: 1000000}
	want.Gateway = Gateway{Timeout: Duration(time.Minute), MaxBody: 20 << 20, Protocol: ProtocolH2C, GRPCServices: []string{"ocr.v1.Recognizer", "Health"}, Concurrency: 4, Queue: 0, QueueTimeout: Duration(30 * time.Second),
		Rate: Rate{Requests: 100, Per: Duration(time.Minute), Burst: 20, By: "header:X-Tenant"}, Keys: KeysRequired,
		CORS: CORS{Origins: []string{"https://app.example.com", "https://*.example.org:8443"}, Methods: []string{"POST"}, Headers: []string{"Content-Type"},
			Expose: []string{"X-Cost"}, Credentials: true, MaxAge: Duration(time.Hour)}, Sticky: "cookie:sid", Shadow: Shadow{Service: "ocr-next", Percent: 12.5},
		Cache: Cache{TTL: Duration(10 * time.Minute), MaxBytes: 32 << 20, MaxAnswer: 2 << 20, Methods: []string{"POST"},
			Paths: []string{"/predict", "/embed/*"}, Vary: []string{"X-Tenant"}, SingleFlight: true}}
	want.Verify = Verify{Replay: 200, MaxDiff: 0.005, Path: "/v1/*", Methods: []string{"POST"}, Ignore: []string{"$.meta", "status"}, Unordered: []string{"$.items"}, Tolerance: 0.001, Live: true}
	want.Deploy = DeploySection{Auto: true, Branch: "release/1.x", Tags: []string{"v*", "release/**"}, Paths: []string{"*.py", "models/**"},
		Ignore: []string{"docs", "*.md"}, Previews: true}
	want.Python = Python{Version: "3.10", Wheelhouse: "wheels", Index: "https://packages.example.com/simple"}
	want.Algorithm = Algorithm{Title: "Text classifier", Description: "Sorts messages.", Task: "text-classification", Owner: "nlp team", Tags: []string{"text", "zh"}, Interface: InterfaceGate}
	if got := good(t, "full.yaml"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestShorthands(t *testing.T) {
	m := good(t, "off.yaml")
	if !m.Health.Disabled || m.Record.Mode != "off" {
		t.Errorf("%+v", m)
	}
	if got := good(t, "empty.yaml"); !reflect.DeepEqual(got, DefaultManifest()) {
		t.Errorf("%+v", got)
	}
}

// TestDefaults spells out what the design promises.
func TestDefaults(t *testing.T) {
	m := DefaultManifest()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	text := func(v any) string { return fmt.Sprintf("%v", v) }
	for want, got := range map[string]string{
		"{false /health 10s 3s 2m 3}": text(m.Health),
		"{always 1s 30s 10 10m}":      text(m.Restart),
		"{TERM 10s}":                  text(m.Stop),
		"{10MB 5}":                    text(m.Log),
		"{normal full 1MiB drop []    [] {0s 0 0}}": text(m.Record),
		". 1 blue-green": text(m.Subdir) + " " + text(m.Replicas) + " " + text(m.Strategy),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestManifestRoundTrips(t *testing.T) {
	for _, name := range []string{"full.yaml", "off.yaml", "empty.yaml"} {
		m := good(t, name)
		data, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ManifestFromJSON(data); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s through JSON: %v\n%+v\n%+v", name, err, back, m)
		}
		if data, err = yaml.Marshal(m); err != nil {
			t.Fatal(err)
		}
		if back, err := ParseManifest(data, name); err != nil || back.Health != m.Health || back.Log != m.Log || back.Name != m.Name {
			t.Errorf("%s through YAML: %v\n%s", name, err, data)
		}
	}
	if _, err := ManifestFromJSON([]byte("{")); err == nil {
		t.Error("half a manifest was read")
	}
}

func TestCommentedManifest(t *testing.T) {
	for _, c := range []struct {
		name    string
		runtime Runtime
		command string
	}{
		{"", "", ""},
		{"ocr", RuntimeNode, "node server.js --port {port}"},
		{"ocr", RuntimeCommand, `sh -c 'a: "b" # c' {host}`},
	} {
		text := CommentedManifest(c.name, c.runtime, c.command)
		got, err := ParseManifest(text, ManifestFile)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want := DefaultManifest()
		want.Name, want.Runtime, want.Command = c.name, c.runtime, c.command
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot %+v\nwant %+v", text, got, want)
		}
	}
}

// TestCommentedManifestShowsEveryKey uncomments all keys: they must be right when a user does.
func TestCommentedManifestShowsEveryKey(t *testing.T) {
	var lines []string
	for line := range strings.Lines(string(CommentedManifest("", "", ""))) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "# "); ok && isKey(rest) {
			line = strings.Replace(line, "# ", "", 1)
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "")
	m := DefaultManifest()
	d := newDecoder("f")
	d.decode([]byte(text), m)
	if err := errors.Join(join(d.faults), m.Validate()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, key := range leaves(reflect.TypeFor[Manifest]()) {
		if _, ok := d.lines[key.path]; !ok {
			t.Errorf("%s is not shown", key.path)
		}
	}
}

// isKey tells a key in a comment from a sentence.
func isKey(s string) bool {
	key, _, found := strings.Cut(strings.TrimSpace(s), ":")
	return found && !strings.ContainsAny(key, " .") || strings.HasSuffix(strings.TrimSpace(strings.Split(s, "#")[0]), ":")
}

func TestBounds(t *testing.T) {
	deep := strings.Repeat("[", 20_000)
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 100; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	fmt.Fprintf(&bomb, "groups: *a99\n")
	for name, in := range map[string]string{
		"too long":    "# " + strings.Repeat("x", maxFile),
		"deep":        deep,
		"bomb":        bomb.String(),
		"many values": "groups: [" + strings.Repeat("a,", maxNodes+10) + "]",
		"many faults": strings.Repeat("x: 1\n", 1000),
	} {
		began := time.Now()
		_, err := ParseManifest([]byte(in), "f")
		if n := len(Faults(err)); n == 0 || n > maxFaults+10 {
			t.Errorf("%s: %d faults", name, n)
		}
		if len(err.Error()) > 100_000 || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %d bytes of message after %v", name, len(err.Error()), time.Since(began))
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"name", "health", "restart", "env"}
	for in, want := range map[string]string{
		"healht": "health", "HEALTH": "health", "nme": "name", "restrat": "restart", "x": "", "enf": "env", "something": "", strings.Repeat("n", 100): "",
	} {
		if got := suggest(in, known); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	for in, want := range map[string][]string{
		"":                         nil,
		`python main.py`:           {"python", "main.py"},
		`a 'b c' "d e" f\ g`:       {"a", "b c", "d e", "f g"},
		`run --port {port} --x=''`: {"run", "--port", "{port}", "--x="},
	} {
		got, err := SplitCommand(in)
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{`a "b`, `a 'b`, `a \`, "a\x00b"} {
		if got, err := SplitCommand(in); err == nil {
			t.Errorf("%q gave %q", in, got)
		}
	}
}

// TestDocumented wants every key of the manifest and of the settings in the documentation.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Manifest](), reflect.TypeFor[Settings]()} {
		for _, key := range leaves(typ) {
			if !strings.Contains(string(doc), "| `"+key.path+"` |") {
				t.Errorf("docs/manifest.md has no row for %s of %s", key.path, typ.Name())
			}
		}
	}
}

// TestKindsHaveDefaultsOfTheirOwn: what a file says about a job stays, what it does not say follows from its kind.
func TestKindsHaveDefaultsOfTheirOwn(t *testing.T) {
	for text, want := range map[string]string{
		"name: a": "service false always forbid 0s",
		"kind: oneshot\nhealth: {start_period: 5s}":                               "oneshot true on-failure forbid 0s",
		"kind: oneshot\nrestart: {policy: never}\ntimeout: 2m":                    "oneshot true never forbid 2m",
		"kind: cron\nschedule: '@daily'":                                          "cron true never forbid 0s",
		"kind: cron\nschedule: 0 9 * * MON\nrestart: {policy: on-failure}":        "cron true on-failure forbid 0s",
		"kind: cron\nschedule: '*/5 * * * *'\nconcurrency: replace\nhealth: none": "cron true never replace 0s",
	} {
		m, err := ParseManifest([]byte(text), ManifestFile)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := fmt.Sprintln(m.Kind, m.Health.Disabled, m.Restart.Policy, m.Concurrency, m.Timeout); got != want+"\n" {
			t.Errorf("%s: %s want %s", text, got, want)
		}
		if m.Job() != (m.Kind != KindService) {
			t.Errorf("%s: job %v", text, m.Job())
		}
	}
}
