package services

import (
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

// View is one service as status shows it.
type View struct {
	Service   store.Service
	State     procs.State // the worst of its live instances; stopped when none is wanted
	Health    string      // "healthy", "unhealthy", "starting", "none" (no check), "" when stopped
	Reason    string      // why it is not healthy and running, for people
	Ready     int         // instances the gateway sends requests to
	Commit    string      // of the live release
	URL       string      // gateway URL
	Instances []InstanceView
	Kind      configs.Kind
	Job       *JobView // nil for a service that runs all the time
}

// InstanceView is one instance with what the keeper and the prober know of it.
type InstanceView struct {
	store.Instance
	Status      procs.Status
	Health      string
	Reason      string
	Uptime      time.Duration
	MemoryBytes int64   // resident set of the process group
	CPUPercent  float64 // of one core, over the last sampling interval
	Processes   int     // threads are not counted
	OpenFiles   int     // of all processes; 0 unless asked for, see Manager.CountFiles
}
