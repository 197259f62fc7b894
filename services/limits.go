package services

import (
	"context"
	"fmt"
	"strconv"

	"aictl/configs"
	"aictl/procs"
)

// Limits are what bounds all processes of one instance of a service together.
func Limits(m configs.Manifest) procs.Limits {
	return procs.Limits{Memory: int64(m.Resource.Memory), CPUs: m.Resource.CPUs, Pids: m.Resource.Pids}
}

// Launch is what an instance's processes have from their first instruction on.
func Launch(m configs.Manifest) procs.Launch {
	l := procs.Launch{
		User: m.Process.User, Group: m.Process.Group, Umask: m.Process.Umask,
		Nice: m.Process.Nice, OOMScoreAdj: m.Process.OOMScoreAdj,
	}
	if m.Resource.Nofile > 0 || len(m.Resource.Rlimits) > 0 {
		l.Rlimits = make(map[string]int64, len(m.Resource.Rlimits)+1)
	}
	for name, limit := range m.Resource.Rlimits {
		l.Rlimits[name] = int64(limit)
	}
	if m.Resource.Nofile > 0 {
		l.Rlimits["nofile"] = int64(m.Resource.Nofile)
	}
	return l
}

// Enforce says what this machine cannot do of what a manifest asks for an instance: warnings for limits that are not
// held, an error for what would keep it from starting.
func Enforce(ctx context.Context, m configs.Manifest) (warnings []string, err error) {
	for _, e := range Limits(m).Unenforced() {
		warnings = append(warnings, fmt.Sprintf("resources.%s: %s is not enforced on this machine: %s", e.Limit, asked(m.Resource, e.Limit), e.Why))
	}
	if err := Launch(m).Probe(ctx); err != nil {
		return warnings, fmt.Errorf("an instance cannot be started as the manifest asks: %w", err)
	}
	id, err := procs.FindIdentity(m.Process.User, m.Process.Group)
	if err == nil && m.Process.User != "" && id.Home == "" && m.Env["HOME"] == "" {
		warnings = append(warnings, fmt.Sprintf("%s has no home directory, so HOME is /: set HOME in env if the service keeps files there", id))
	}
	return warnings, err
}

func asked(r configs.Resources, limit string) string {
	switch limit {
	case "memory":
		return r.Memory.String()
	case "cpus":
		return strconv.FormatFloat(r.CPUs, 'g', -1, 64)
	}
	return strconv.Itoa(r.Pids)
}

// become makes the environment that of another user. One that does not exist is the keeper's to report.
func become(env map[string]string, p configs.Process) {
	if p.User == "" {
		return
	}
	id, err := procs.FindIdentity(p.User, p.Group)
	if err != nil {
		return
	}
	// What points into the home of the user aictl runs as is of no use to another.
	for _, name := range []string{"SHELL", "TMPDIR", "USER", "LOGNAME"} {
		delete(env, name)
	}
	env["HOME"] = first(id.Home, "/")
	if id.Name != "" {
		env["USER"], env["LOGNAME"] = id.Name, id.Name
	}
}

// showGPUs says which GPUs an instance sees. CUDA knows no word for all or none: unset is all, and -1, which is no GPU's
// number, none.
func showGPUs(env map[string]string, gpus string) {
	switch gpus {
	case "", "all":
		return
	case "none":
		env["CUDA_VISIBLE_DEVICES"] = "-1"
		return
	}
	env["CUDA_VISIBLE_DEVICES"] = gpus
	env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID" // the numbers are then those nvidia-smi shows
}

// CountFiles fills in how many files the instances have open. It looks at every process, so it is left to those who ask.
func (m *Manager) CountFiles(views []View) {
	if m.OpenFiles == nil {
		return
	}
	var running []procs.Status
	for _, v := range views {
		for _, i := range v.Instances {
			running = append(running, i.Status)
		}
	}
	counts := m.OpenFiles(running)
	for _, v := range views {
		for k := range v.Instances {
			v.Instances[k].OpenFiles = counts[v.Instances[k].ID]
		}
	}
}
