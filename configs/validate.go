package configs

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Most of a service that one server can be asked for.
const (
	maxReplicas = 512
	maxLogFiles = 1000
	minLogSize  = 4 << 10
)

var (
	nameRE    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	envRE     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	gpusRE    = regexp.MustCompile(`^[A-Za-z0-9-]+(,[A-Za-z0-9-]+)*$`)
	versionRE = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,2}$`)
	tokenRE   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a header's or cookie's name, RFC 9110
	pathRE    = regexp.MustCompile(`^\$(\.[\pL\pN_-]+|\[(\*|[0-9]+)\])+$`)
)

// Signals are the stop signals a manifest may name, without SIG.
var Signals = []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"}

// ValidName reports whether name can be a service's name.
func ValidName(name string) bool { return nameRE.MatchString(name) }

// Validate checks every value. The error joins all Faults found; they have no file and no line.
func (m *Manifest) Validate() error { return join(m.faults()) }

func (m *Manifest) faults() []Fault {
	var c checker
	if m.Name != "" && !nameRE.MatchString(m.Name) {
		c.fault("name", "%q cannot be a name: use up to 63 of a-z, 0-9 and -, with no - at either end", clip(m.Name))
	}
	oneOf(&c, "runtime", m.Runtime, "", RuntimePython, RuntimeNode, RuntimeCommand)
	c.command("command", m.Command)
	c.local("subdir", m.Subdir)
	m.checkJob(&c)
	c.between("replicas", m.Replicas, 1, maxReplicas)
	oneOf(&c, "strategy", m.Strategy, BlueGreen, Recreate, Rolling, CanaryDeploy)
	m.Canary.check(&c)
	for i, g := range m.Groups {
		if !nameRE.MatchString(g) {
			c.fault(fmt.Sprintf("groups[%d]", i), "%q cannot be a group's name: use a-z, 0-9 and -", clip(g))
		}
	}
	for i, name := range m.After {
		switch at := fmt.Sprintf("after[%d]", i); {
		case strings.HasPrefix(name, "@"):
			c.fault(at, "%q is a group: name the services that must be healthy, one by one", clip(name))
		case !nameRE.MatchString(name):
			c.fault(at, "%q cannot be a service's name: use a-z, 0-9 and -", clip(name))
		case name == m.Name:
			c.fault(at, "a service cannot be started after itself: name another one")
		}
	}
	m.Health.check(&c)
	m.Restart.check(&c)
	oneOf(&c, "stop.signal", m.Stop.Signal, Signals...)
	c.notNegative("stop.grace", m.Stop.Grace)
	if m.Log.MaxSize < minLogSize {
		c.fault("log.max_size", "%s is too small: at least 4KiB", m.Log.MaxSize)
	}
	c.between("log.files", m.Log.Files, 1, maxLogFiles)
	m.Resource.check(&c)
	m.Process.check(&c)
	m.checkPids(&c)
	c.env(m.Env)
	m.Hooks.check(&c)
	m.Record.check(&c)
	m.Gateway.check(&c)
	m.Verify.check(&c)
	m.Deploy.check(&c)
	m.Gateway.checkRoutes(&c, m.Name)
	m.Python.check(&c)
	m.Algorithm.check(&c)
	return c.faults
}

func (h Health) check(c *checker) {
	if h.Disabled {
		return
	}
	if u, err := url.ParseRequestURI(h.Path); err != nil || !strings.HasPrefix(h.Path, "/") || u.Host != "" {
		c.fault("health.path", "%q is not a path on the service (write /health)", clip(h.Path))
	}
	c.positive("health.interval", h.Interval)
	c.positive("health.timeout", h.Timeout)
	c.notNegative("health.start_period", h.StartPeriod)
	c.between("health.failures", h.Failures, 1, 1000)
}

func (r Restart) check(c *checker) {
	oneOf(c, "restart.policy", r.Policy, "always", "on-failure", "never")
	c.positive("restart.backoff", r.Backoff)
	c.positive("restart.max_backoff", r.MaxBackoff)
	if r.Backoff > 0 && r.MaxBackoff > 0 && r.MaxBackoff < r.Backoff {
		c.fault("restart.max_backoff", "%s is less than restart.backoff (%s)", r.MaxBackoff, r.Backoff)
	}
	c.between("restart.give_up_after", r.GiveUpAfter, 1, 1_000_000)
	c.positive("restart.within", r.Within)
}

func (r Resources) check(c *checker) {
	switch {
	case r.Memory < 0:
		c.fault("resources.memory", "%s is negative", r.Memory)
	case r.Memory > 0 && r.Memory < 1<<20:
		c.fault("resources.memory", "%s is less than any program needs: did you forget the unit (write %dMiB)?", r.Memory, r.Memory)
	}
	if r.CPUs < 0 {
		c.fault("resources.cpus", "%v is negative", r.CPUs)
	}
	// 0 is a key left out: no limit.
	if r.Pids != 0 {
		c.between("resources.pids", r.Pids, 1, 1<<22)
	}
	if r.Nofile != 0 {
		c.between("resources.nofile", r.Nofile, 1, 1<<30)
	}
	if r.GPUs != "" && !gpusRE.MatchString(r.GPUs) {
		c.fault("resources.gpus", "%q names no GPUs (write 0, \"0,1\", all or none)", clip(r.GPUs))
	}
	checkRlimits(c, r.Rlimits)
}

func (r Record) check(c *checker) {
	oneOf(c, "record.mode", r.Mode, "normal", "off", "audit")
	oneOf(c, "record.pressure", r.Pressure, "drop", "block", "refuse")
	oneOf(c, "record.bodies", r.Bodies, "full", "none")
	if r.MaxBody <= 0 {
		c.fault("record.max_body", "must be more than 0 (write bodies: none to keep none)")
	}
	r.Retention.check(c)
	for i, entry := range r.Redact {
		if !validRedact(entry) {
			c.fault(fmt.Sprintf("record.redact[%d]", i), "%q is neither a JSON path (write $.user.phone, $.items[*].name) nor header:NAME nor query:NAME", clip(entry))
		}
	}
	for _, at := range [][2]string{{"record.model", r.Model}, {"record.user", r.User}} {
		if from := at[1]; from != "" && !validSession(strings.TrimPrefix(from, "response.")) {
			c.fault(at[0], "%q does not say where that is (write header:NAME, cookie:NAME or json:$.path, with response. before it when it is in the answer)", clip(from))
		}
	}
	for i, entry := range r.Index {
		if i >= maxIndexed {
			c.fault("record.index", "has more than %d paths", maxIndexed)
			break
		}
		if !indexRE.MatchString(entry) {
			c.fault(fmt.Sprintf("record.index[%d]", i), "%q is no JSON path (write $.result.label for one of the answer, request.$.model for one of the request, [*] for any element)", clip(entry))
		}
	}
	if r.Session != "" && !validSession(r.Session) {
		c.fault("record.session", "%q does not say where the session is (write header:NAME, cookie:NAME or json:$.path)", clip(r.Session))
	}
}

// maxIndexed bounds record.index: each path costs time and space with every record.
const maxIndexed = 16

var indexRE = regexp.MustCompile(`^(?:request\.|response\.)?\$(?:\.[^\s.\[\]()=!<>,&|"'` + "`" + `?@;:+*/\\{}]+|\.\*|\[\*\]|\[[0-9]{1,6}\]|\['[^']+'\]|\["[^"]+"\])+$`)

func (r RecordRetention) check(c *checker) {
	if r.Age < 0 || r.Age > 0 && time.Duration(r.Age) < 24*time.Hour {
		c.fault("record.retention.age", "%s is less than a day: records are removed by whole days (write 1d or more)", r.Age)
	}
	if r.Bytes < 0 {
		c.fault("record.retention.bytes", "%s is negative (leave it out for no limit)", r.Bytes)
	}
	if r.Rows < 0 {
		c.fault("record.retention.rows", "%d is negative (leave it out for no limit)", r.Rows)
	}
}

func validRedact(entry string) bool {
	if name, ok := strings.CutPrefix(entry, "header:"); ok {
		return tokenRE.MatchString(name)
	}
	if name, ok := strings.CutPrefix(entry, "query:"); ok {
		return name != "" && !strings.ContainsAny(name, "&=# ")
	}
	return pathRE.MatchString(entry)
}

func validSession(s string) bool {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "header", "cookie":
		return tokenRE.MatchString(rest)
	case "json":
		return pathRE.MatchString(rest)
	}
	return false
}

func (p Python) check(c *checker) {
	if p.Version != "" && !versionRE.MatchString(p.Version) {
		c.fault("python.version", "%q is not a version (write \"3.12\")", clip(p.Version))
	}
	c.index("python.index", p.Index)
	for i, u := range p.ExtraIndexes {
		c.index(fmt.Sprintf("python.extra_indexes[%d]", i), u)
	}
	c.local("python.wheelhouse", p.Wheelhouse)
	c.local("python.requirements", p.Requirements)
}

// checker collects faults; each method is one rule.
type checker struct{ faults []Fault }

func (c *checker) fault(path, format string, args ...any) {
	c.faults = append(c.faults, Fault{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (c *checker) positive(path string, d Duration) {
	if d <= 0 {
		c.fault(path, "%s is not positive", d)
	}
}

func (c *checker) notNegative(path string, d Duration) {
	if d < 0 {
		c.fault(path, "%s is negative", d)
	}
}

func (c *checker) between(path string, v, least, most int) {
	if v < least || v > most {
		c.fault(path, "%d is not between %d and %d", v, least, most)
	}
}

// oneOf accepts one of the allowed words. It is no method because those have no type parameters.
func oneOf[T ~string](c *checker, path string, v T, allowed ...T) {
	if slices.Contains(allowed, v) {
		return
	}
	var words []string
	for _, a := range allowed {
		if a != "" {
			words = append(words, string(a))
		}
	}
	hint := ""
	if near := suggest(string(v), words); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	c.fault(path, "%q is not one of %s%s", clip(string(v)), strings.Join(words, ", "), hint)
}

// local accepts a path that stays below the release's root.
func (c *checker) local(path, v string) {
	if v != "" && (!filepath.IsLocal(v) || strings.ContainsRune(v, 0)) {
		c.fault(path, "%q leads out of the repository: write a path below its root, without ..", clip(v))
	}
}

func (c *checker) index(path, v string) {
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	if err != nil || !slices.Contains([]string{"http", "https", "file"}, u.Scheme) || cmp.Or(u.Host, u.Path) == "" {
		c.fault(path, "%q is not the URL of a package index (write https://host/simple)", clip(v))
	}
}

func (c *checker) env(env map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(env)) {
		path := "env." + key
		switch {
		case !envRE.MatchString(key):
			c.fault(path, "%q cannot be a variable's name: use letters, digits and _", clip(key))
		case key == "PORT" || key == "HOST":
			c.fault(path, "aictl sets %s itself: read it in the service, or put {%s} into the command", key, strings.ToLower(key))
		case strings.HasPrefix(key, "AICTL_"):
			c.fault(path, "names beginning with AICTL_ belong to aictl: choose another one")
		case strings.ContainsRune(env[key], 0):
			c.fault(path, "a value cannot hold a NUL character")
		}
	}
}
