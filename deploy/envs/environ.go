package envs

import (
	"maps"
	"os"
	"path/filepath"
)

// Environ is the environment of a program that runs inside the built one, a release hook for one: the daemon's without
// aictl's own settings, the environment's programs first on the PATH, and vars.
func (r Result) Environ(vars map[string]string) []string {
	more := map[string]string{"PYTHONUNBUFFERED": "1"}
	if r.Dir != "" {
		if isFile(r.Dir, "pyvenv.cfg") {
			more["VIRTUAL_ENV"] = r.Dir
		}
		path := []string{filepath.Join(r.Dir, "bin"), filepath.Join(r.Dir, "node_modules", ".bin"), os.Getenv("PATH")}
		more["PATH"] = path[0] + ":" + path[1] + ":" + path[2]
	}
	maps.Copy(more, vars)
	return buildEnv(more)
}
