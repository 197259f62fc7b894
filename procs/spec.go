// Package procs is the life of a process group: the keeper that owns instances, their logs and the
// listening sockets, the protocol it speaks, and the client the daemon uses.
package procs

import "time"

// Spec is everything the keeper needs to run one instance, with or without a daemon.
type Spec struct {
	ID      string            `json:"id"`   // "ocr/1"
	Argv    []string          `json:"argv"` // never a shell line
	Dir     string            `json:"dir"`
	Env     []string          `json:"env"` // the whole environment, K=V
	Port    int               `json:"port,omitempty"`
	Checked bool              `json:"checked,omitempty"` // health verdicts will come; without it a spawned instance is running
	Waits   bool              `json:"waits,omitempty"`   // a new keeper does not start it: the daemon says when it is its turn
	Once    bool              `json:"once,omitempty"`    // a new keeper does not start it once more: nobody wished for another run
	Restart RestartPolicy     `json:"restart"`
	Stop    StopPolicy        `json:"stop"`
	Log     LogPolicy         `json:"log"`
	Limits  Limits            `json:"limits,omitzero"`
	Launch  Launch            `json:"launch,omitzero"`
	Labels  map[string]string `json:"labels,omitempty"` // kept and returned, never read: service, release …
}

// RestartPolicy decides what follows an exit. The first restart after sustained health is immediate; repeated
// failures back off from Backoff, doubling with jitter up to MaxBackoff; more than GiveUpAfter failures
// within Within end in StateFatal. Stable is how long an instance must stay healthy for the count to reset.
type RestartPolicy struct {
	Policy      string        `json:"policy"` // always | on-failure | never
	Backoff     time.Duration `json:"backoff"`
	MaxBackoff  time.Duration `json:"max_backoff"`
	GiveUpAfter int           `json:"give_up_after"`
	Within      time.Duration `json:"within"`
	Stable      time.Duration `json:"stable"`
}

// StopPolicy is the signal sent to the whole group and how long it has until SIGKILL for every descendant.
type StopPolicy struct {
	Signal string        `json:"signal"` // name without SIG: TERM, INT, QUIT …
	Grace  time.Duration `json:"grace"`
}

// LogPolicy bounds the instance's log at Path: Files files (the current one included) of about MaxBytes each.
type LogPolicy struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"max_bytes"`
	Files    int    `json:"files"`
}

// State is where an instance is in its life.
type State string

// The states of an instance. StateUnhealthy is a running process whose health verdict is bad.
const (
	StateStopped   State = "stopped"
	StateStarting  State = "starting"
	StateRunning   State = "running"
	StateUnhealthy State = "unhealthy"
	StateBackoff   State = "backoff"
	StateStopping  State = "stopping"
	StateFatal     State = "fatal"
)

// Status is one instance as the keeper sees it.
type Status struct {
	ID        string            `json:"id"`
	State     State             `json:"state"`
	PID       int               `json:"pid,omitempty"`
	Port      int               `json:"port,omitempty"`
	StartedAt time.Time         `json:"started_at,omitzero"` // of the running process
	Restarts  int               `json:"restarts"`            // since the instance was last started by wish
	LastExit  *Exit             `json:"last_exit,omitempty"`
	NextStart time.Time         `json:"next_start,omitzero"` // in backoff
	Reason    string            `json:"reason,omitempty"`    // why it is in this state, for people
	Digest    string            `json:"digest"`              // of the Spec it runs, see Spec.Digest
	LogLost   int64             `json:"log_lost,omitempty"`  // bytes of output that could not be written (disk full)
	Labels    map[string]string `json:"labels,omitempty"`
	Seq       uint64            `json:"seq"` // grows with every change of any instance of this keeper
}

// Exit says how a process ended. Unknown is set when the keeper could not learn it.
type Exit struct {
	At      time.Time     `json:"at"`
	Code    int           `json:"code"`
	Signal  string        `json:"signal,omitempty"` // name without SIG when a signal ended it
	Unknown bool          `json:"unknown,omitempty"`
	Uptime  time.Duration `json:"uptime"`
	// OOM is set when the kernel killed the process because the instance was at its MemoryLimit (bytes).
	OOM         bool  `json:"oom,omitempty"`
	MemoryLimit int64 `json:"memory_limit,omitempty"`
}
