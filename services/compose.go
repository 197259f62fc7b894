package services

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

// host is where instances listen: they are reached through the gateway only.
const host = "127.0.0.1"

// inherited are the variables of the daemon's own environment that a service gets: what it needs to find programs,
// certificates, its language and its GPUs, and none of aictl's secrets.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
}

// Dirs are the parts of the data directory that a service's process is told of.
type Dirs struct {
	Envs string // built environments, one folder per content key
	Logs string // <service>/<slot>.log
}

// manifestOf reads the manifest that was stored with a release.
func manifestOf(rel store.Release) (configs.Manifest, error) {
	m, err := rel.ReadManifest()
	if err != nil {
		return configs.Manifest{}, err
	}
	return *m, nil
}

// compose says what the keeper runs for one instance of a release.
func compose(svc store.Service, rel store.Release, m configs.Manifest, inst store.Instance, dirs Dirs) procs.Spec {
	return procs.Spec{
		ID:      inst.ID,
		Argv:    fill(rel.Argv, inst.Port),
		Dir:     filepath.Join(rel.Dir, m.Subdir),
		Env:     environment(svc, rel, m, inst, dirs),
		Port:    inst.Port,
		Checked: !m.Health.Disabled,
		Waits:   len(m.After) > 0 || m.Job(),
		Once:    m.Kind == configs.KindCron,
		Restart: procs.RestartPolicy{
			Policy:      m.Restart.Policy,
			Backoff:     time.Duration(m.Restart.Backoff),
			MaxBackoff:  time.Duration(m.Restart.MaxBackoff),
			GiveUpAfter: m.Restart.GiveUpAfter,
			Within:      time.Duration(m.Restart.Within),
		},
		Stop:   procs.StopPolicy{Signal: m.Stop.Signal, Grace: time.Duration(m.Stop.Grace)},
		Limits: Limits(m),
		Launch: Launch(m),
		Log:    procs.LogPolicy{Path: LogPath(dirs.Logs, inst.Service, inst.Slot), MaxBytes: int64(m.Log.MaxSize), Files: m.Log.Files},
		Labels: map[string]string{"service": inst.Service, "release": rel.ID},
	}
}

// LogPath is where the log of a service's slot lies.
func LogPath(logs, service string, slot int) string {
	return filepath.Join(logs, service, strconv.Itoa(slot)+".log")
}

// fill puts the port and the host into a command's {port} and {host}.
func fill(argv []string, port int) []string {
	r := strings.NewReplacer("{port}", strconv.Itoa(port), "{host}", host)
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = r.Replace(a)
	}
	return out
}

// environment is the whole environment of an instance, sorted: what is inherited, then what aictl sets, then the
// manifest's, then the user's overrides. PORT, HOST and AICTL_* cannot be overridden.
func environment(svc store.Service, rel store.Release, m configs.Manifest, inst store.Instance, dirs Dirs) []string {
	env := map[string]string{"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
	for _, k := range inherited {
		if v, ok := os.LookupEnv(k); ok {
			env[k] = v
		}
	}
	env["PYTHONUNBUFFERED"] = "1"
	if rel.EnvKey != "" {
		addBuilt(env, m.Runtime, filepath.Join(dirs.Envs, rel.EnvKey))
	}
	become(env, m.Process)
	showGPUs(env, m.Resource.GPUs)
	maps.Copy(env, m.Env)
	maps.Copy(env, svc.Env)
	if !m.Job() {
		env["PORT"], env["HOST"] = strconv.Itoa(inst.Port), host
	}
	env["AICTL_SERVICE"], env["AICTL_RELEASE"], env["AICTL_COMMIT"] = svc.Name, rel.ID, rel.Commit
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// addBuilt puts the release's built environment first on the path.
func addBuilt(env map[string]string, rt configs.Runtime, dir string) {
	switch rt {
	case configs.RuntimePython:
		env["VIRTUAL_ENV"] = dir
		env["PATH"] = filepath.Join(dir, "bin") + ":" + env["PATH"]
	case configs.RuntimeNode:
		env["PATH"] = filepath.Join(dir, "node_modules", ".bin") + ":" + env["PATH"]
	}
}
