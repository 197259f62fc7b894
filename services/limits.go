package services

import (
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
