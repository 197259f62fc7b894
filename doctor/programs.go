package doctor

import (
	"context"
	"fmt"
	"strings"

	"aictl/gitea"
)

// pythonProbe prints the version and then fails when environments cannot be made: Debian ships venv without ensurepip.
const pythonProbe = `import sys; print("%d.%d.%d" % sys.version_info[:3]); import venv, ensurepip`

func checkPython(ctx context.Context, sys Commands) Result {
	const check = "python"
	path, err := sys.LookPath("python3")
	if err != nil {
		return bad(check, say("python3 is not on the PATH; Python services cannot be built"),
			say("install it: apt install python3 python3-venv"))
	}
	out, err := sys.Output(ctx, path, "-c", pythonProbe)
	version := firstLine(out)
	if !isVersion(version) {
		return bad(check, say("%s does not run: %s", path, reason(out, err)),
			say("reinstall it: apt install --reinstall python3"))
	}
	if err != nil {
		return bad(check, say("Python %s has no working venv module; environments cannot be built", version),
			say("install it: apt install python3-venv"))
	}
	if older(version, 3, 8) {
		return warn(check, say("Python %s is older than 3.8; many packages no longer support it", version),
			say("install a newer one, or uv, which brings its own"))
	}
	return ok(check, say("Python %s with venv (%s)", version, path))
}

func checkUV(ctx context.Context, sys Commands) Result {
	const check = "uv"
	path, err := sys.LookPath("uv")
	if err != nil {
		return warn(check, say("uv is not on the PATH; environments are built with venv and pip, which is slower"),
			say("install it: pipx install uv (or pip install uv)"))
	}
	out, err := sys.Output(ctx, path, "--version")
	if err != nil {
		return warn(check, say("%s does not run: %s", path, reason(out, err)), say("reinstall it: pipx install --force uv"))
	}
	return ok(check, say("%s (%s)", firstLine(out), path))
}

func checkNode(ctx context.Context, sys Commands) Result {
	const check = "node"
	node, err := sys.LookPath("node")
	if err != nil {
		return warn(check, say("node is not on the PATH; Node services cannot run"),
			say("if you have such services: apt install nodejs npm"))
	}
	out, err := sys.Output(ctx, node, "--version")
	if err != nil {
		return warn(check, say("%s does not run: %s", node, reason(out, err)),
			say("reinstall it: apt install --reinstall nodejs"))
	}
	version := firstLine(out)
	if _, err := sys.LookPath("npm"); err != nil {
		return warn(check, say("node %s is there, npm is not; Node services with dependencies cannot be built", version),
			say("install it: apt install npm"))
	}
	return ok(check, say("node %s with npm (%s)", version, node))
}

// checkGit never fails: aictl speaks Git itself, but needs the program to host repositories, and to fetch large ones in little time and memory.
func checkGit(ctx context.Context, sys Commands) Result {
	const check = "git"
	path, err := sys.LookPath("git")
	if err != nil {
		return warn(check, say("git is not on the PATH; large repositories take more time to deploy, and none can be hosted here"),
			say("install it: apt install git"))
	}
	out, err := sys.Output(ctx, path, "--version")
	if err != nil {
		return warn(check, say("%s does not run: %s", path, reason(out, err)), say("reinstall it: apt install --reinstall git"))
	}
	if !gitea.NewEnough(out) {
		return warn(check, say("%s is older than 2.31; large repositories take more time to deploy", firstLine(out)), say("install a newer git"))
	}
	return ok(check, say("%s (%s)", firstLine(out), path))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// reason is the last line a program printed, or its error when it printed nothing.
func reason(out string, err error) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	if err != nil {
		return err.Error()
	}
	return "no output"
}

func isVersion(s string) bool {
	var major, minor int
	n, err := fmt.Sscanf(s, "%d.%d", &major, &minor)
	return err == nil && n == 2
}

// older reports whether version is before major.minor; what cannot be read is not older.
func older(version string, major, minor int) bool {
	var haveMajor, haveMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &haveMajor, &haveMinor); err != nil {
		return false
	}
	return haveMajor < major || haveMajor == major && haveMinor < minor
}
