package configs

import "time"

// ManifestFile is the manifest's name in a service's repository.
const ManifestFile = "aictl.yaml"

// Runtime says how a release's environment is built and its default command chosen.
type Runtime string

// The runtimes a manifest may name. An empty runtime is found from the files.
const (
	RuntimePython  Runtime = "python"
	RuntimeNode    Runtime = "node"
	RuntimeCommand Runtime = "command"
)

// Strategy says how a deploy replaces the live release.
type Strategy string

// BlueGreen starts the new release beside the old one; Recreate stops the old one first; Rolling replaces one replica after the
// other; CanaryDeploy gives the new release a growing part of the requests and judges it by them, see Canary.
const (
	BlueGreen    Strategy = "blue-green"
	Recreate     Strategy = "recreate"
	Rolling      Strategy = "rolling"
	CanaryDeploy Strategy = "canary"
)

// Manifest is a service's aictl.yaml with every default filled in.
type Manifest struct {
	Name    string  `yaml:"name,omitempty" json:"name"`
	Runtime Runtime `yaml:"runtime,omitempty" json:"runtime"`
	Command string  `yaml:"command,omitempty" json:"command"` // split like a shell would, run without one
	Subdir  string  `yaml:"subdir" json:"subdir"`
	Kind    Kind    `yaml:"kind,omitempty" json:"kind,omitempty"`
	// Schedule and the four after it are a cron service's, Timeout also a oneshot's; see Kind.
	Schedule    string   `yaml:"schedule,omitempty" json:"schedule,omitempty"`
	Timezone    string   `yaml:"timezone,omitempty" json:"timezone,omitempty"`       // "" is the machine's own
	Concurrency string   `yaml:"concurrency,omitempty" json:"concurrency,omitempty"` // `forbid` or `replace`
	CatchUp     bool     `yaml:"catch_up,omitempty" json:"catch_up,omitempty"`
	RunOnDeploy bool     `yaml:"run_on_deploy,omitempty" json:"run_on_deploy,omitempty"`
	Timeout     Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"` // of one run; 0 is none

	Replicas int               `yaml:"replicas" json:"replicas"`
	Strategy Strategy          `yaml:"strategy" json:"strategy"`
	Canary   Canary            `yaml:"canary,omitempty" json:"canary,omitzero"`
	Groups   []string          `yaml:"groups,omitempty" json:"groups,omitempty"` // names for `aictl restart @group`
	After    []string          `yaml:"after,omitempty" json:"after,omitempty"`   // services that are started before this one
	Health   Health            `yaml:"health" json:"health"`
	Restart  Restart           `yaml:"restart" json:"restart"`
	Stop     Stop              `yaml:"stop" json:"stop"`
	Log      Log               `yaml:"log" json:"log"`
	Resource Resources         `yaml:"resources,omitempty" json:"resources"`
	Process  Process           `yaml:"process,omitempty" json:"process"`
	Env      map[string]string `yaml:"env,omitempty" json:"env,omitempty"`
	Hooks    Hooks             `yaml:"hooks,omitempty" json:"hooks"`
	Record   Record            `yaml:"record" json:"record"`
	Gateway  Gateway           `yaml:"gateway" json:"gateway"`
	Verify   Verify            `yaml:"verify,omitempty" json:"verify,omitzero"`
	Deploy   DeploySection     `yaml:"deploy" json:"deploy"`
	Python   Python            `yaml:"python,omitempty" json:"python"`
	// Algorithm is what the registry tells of the service.
	Algorithm Algorithm `yaml:"algorithm,omitempty" json:"algorithm,omitzero"`
}

// Health is how an instance is probed. Failures counts consecutive bad probes until unhealthy.
// Disabled (`health: none`) makes an instance count as healthy while its process runs.
type Health struct {
	Disabled    bool     `yaml:"-" json:"disabled,omitempty"`
	Path        string   `yaml:"path" json:"path"`
	Interval    Duration `yaml:"interval" json:"interval"`
	Timeout     Duration `yaml:"timeout" json:"timeout"`
	StartPeriod Duration `yaml:"start_period" json:"start_period"`
	Failures    int      `yaml:"failures" json:"failures"`
}

// Restart is the keeper's restart policy: `always`, `on-failure` or `never`.
// More than GiveUpAfter failures within Within make the instance fatal.
type Restart struct {
	Policy      string   `yaml:"policy" json:"policy"`
	Backoff     Duration `yaml:"backoff" json:"backoff"`
	MaxBackoff  Duration `yaml:"max_backoff" json:"max_backoff"`
	GiveUpAfter int      `yaml:"give_up_after" json:"give_up_after"`
	Within      Duration `yaml:"within" json:"within"`
}

// Stop is the stop signal (name without SIG) and the grace period until SIGKILL.
type Stop struct {
	Signal string   `yaml:"signal" json:"signal"`
	Grace  Duration `yaml:"grace" json:"grace"`
}

// Log bounds an instance's log: Files rotated files of MaxSize bytes each, the current one included.
type Log struct {
	MaxSize Size `yaml:"max_size" json:"max_size"`
	Files   int  `yaml:"files" json:"files"`
}

// Resources are an instance's limits; a zero value means no limit.
type Resources struct {
	Memory Size    `yaml:"memory,omitempty" json:"memory,omitempty"`
	CPUs   float64 `yaml:"cpus,omitempty" json:"cpus,omitempty"`
	Pids   int     `yaml:"pids,omitempty" json:"pids,omitempty"`
	Nofile int     `yaml:"nofile,omitempty" json:"nofile,omitempty"`
	GPUs   string  `yaml:"gpus,omitempty" json:"gpus,omitempty"`
	// Rlimits are further limits of the kernel, on each process; the names are RlimitNames.
	Rlimits map[string]Rlimit `yaml:"rlimits,omitempty" json:"rlimits,omitempty"`
}

// Hooks are commands run in the release directory; Release runs after the environment is built, before the start,
// On when something has happened to the service.
type Hooks struct {
	Release string      `yaml:"release,omitempty" json:"release,omitempty"`
	On      []StateHook `yaml:"on,omitempty" json:"on,omitempty"`
}

// Record says what the recorder keeps. Mode is `normal`, `off`, or `audit`: an answer leaves only once its record is
// committed. Bodies is `full` or `none`. Pressure says what gives way when the recorder's memory is short: `drop` (bodies, then
// records), `block` (new requests wait) or `refuse` (new requests are answered 503).
// Session names where a session id is found: `header:NAME`, `cookie:NAME` or `json:$.path` in the request.
type Record struct {
	Mode     string   `yaml:"mode" json:"mode"`
	Bodies   string   `yaml:"bodies" json:"bodies"`
	MaxBody  Size     `yaml:"max_body" json:"max_body"`
	Pressure string   `yaml:"pressure" json:"pressure"`
	Redact   []string `yaml:"redact,omitempty" json:"redact,omitempty"`
	Session  string   `yaml:"session,omitempty" json:"session,omitempty"`
	// Model and User name where the model that answered and the user are found: as Session, and with `response.` before it in the
	// answer.
	Model string `yaml:"model,omitempty" json:"model,omitempty"`
	User  string `yaml:"user,omitempty" json:"user,omitempty"`
	// Index are JSON paths whose values are found without reading bodies: `$.result.label` of the answer, `request.$.model` of
	// the request.
	Index []string `yaml:"index,omitempty" json:"index,omitempty"`
	// Retention is how long and how much of the service's records is kept; the daemon's settings say it of all services.
	Retention RecordRetention `yaml:"retention,omitempty" json:"retention,omitzero"`
}

// RecordRetention bounds the records of a service; zero is without bound, but for Age, where it is the daemon's retention. Bytes are of requests
// and responses as many as passed. Whole days go, the oldest first.
type RecordRetention struct {
	Age   Duration `yaml:"age,omitempty" json:"age,omitempty"`
	Bytes Size     `yaml:"bytes,omitempty" json:"bytes,omitempty"`
	Rows  int64    `yaml:"rows,omitempty" json:"rows,omitempty"`
}

// Python settings of the environment: the wanted version, package index and wheelhouse folder.
type Python struct {
	Version      string   `yaml:"version,omitempty" json:"version,omitempty"`
	Index        string   `yaml:"index,omitempty" json:"index,omitempty"`
	ExtraIndexes []string `yaml:"extra_indexes,omitempty" json:"extra_indexes,omitempty"`
	Wheelhouse   string   `yaml:"wheelhouse,omitempty" json:"wheelhouse,omitempty"`     // relative to the release's root
	Requirements string   `yaml:"requirements,omitempty" json:"requirements,omitempty"` // relative to the subdir
}

// Duration is a time.Duration that reads and writes as text ("10s", "2m30s").
type Duration time.Duration

// Size is a number of bytes that reads and writes as text ("10MB", "2GiB").
type Size int64
