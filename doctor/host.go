package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

const gib = 1 << 30

// Thresholds. An environment with a deep-learning framework takes 5 GiB and more.
const (
	diskFail   = 1 * gib
	diskWarn   = 5 * gib
	inodesWarn = 50_000
	filesFail  = 256
	filesWarn  = 4096
)

func checkDataDir(sys System, opts Options) Result {
	const check = "data-dir"
	dir := opts.DataDir
	info, err := sys.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		parent := existing(sys, dir)
		if err := sys.Writable(parent); err != nil {
			return bad(check, say("%s does not exist and cannot be made: %s", dir, cause(err)),
				say("make it and give it to the user aictl runs as, or choose another with --data-dir"))
		}
		return ok(check, say("%s will be made at the first start", dir))
	}
	if err != nil {
		return bad(check, say("%s cannot be read: %s", dir, cause(err)), say("give it to the user aictl runs as: chown -R USER %s", dir))
	}
	if !info.IsDir() {
		return bad(check, say("%s is not a directory", dir), say("move it away or choose another with --data-dir"))
	}
	if err := sys.Writable(dir); err != nil {
		return bad(check, say("%s cannot be written: %s", dir, cause(err)), say("give it to the user aictl runs as: chown -R USER %s", dir))
	}
	if info.Mode().Perm()&0o022 != 0 {
		return warn(check, say("%s can be changed by other users (mode %04o)", dir, info.Mode().Perm()), say("close it: chmod 700 %s", dir))
	}
	return ok(check, say("%s is writable", dir))
}

// existing is the nearest folder above dir that exists.
func existing(sys Files, dir string) string {
	for {
		if _, err := sys.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// cause is the error without its path, which the message has already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func checkDisk(sys System, opts Options) Result {
	const check = "disk"
	dir := existing(sys, opts.DataDir)
	disk, err := sys.Disk(dir)
	if err != nil {
		return warn(check, say("the room under %s cannot be measured: %s", dir, cause(err)), Text{})
	}
	free := float64(disk.Free) / gib
	switch {
	case disk.Free < diskFail:
		return bad(check, say("%.1f GiB free under %s; deploys and records will fail", free, dir),
			say("free some room or move the data with --data-dir"))
	case disk.Free < diskWarn:
		return warn(check, say("%.1f GiB free under %s; one large environment fills it", free, dir),
			say("free some room or move the data with --data-dir"))
	case disk.HasInodeCount && disk.FreeInodes < inodesWarn:
		return warn(check, say("only %d inodes free under %s; environments hold many small files", disk.FreeInodes, dir),
			say("delete small files or move the data with --data-dir"))
	}
	return ok(check, say("%.1f GiB free under %s", free, dir))
}

func checkFiles(sys Kernel) Result {
	const check = "open-files"
	soft, hard, err := sys.OpenFiles()
	if err != nil {
		return warn(check, say("the limit on open files cannot be read: %s", err), Text{})
	}
	// The program raises its soft limit to the hard one by itself, so the hard one counts.
	switch {
	case hard < filesFail:
		return bad(check, say("at most %d open files; a few services use them up", hard), say("raise it: LimitNOFILE=65536 in the unit, or ulimit -n 65536"))
	case hard < filesWarn:
		return warn(check, say("at most %d open files; enough for a few dozen services", hard), say("raise it: LimitNOFILE=65536 in the unit, or ulimit -n 65536"))
	}
	return ok(check, say("%d open files (at most %d)", soft, hard))
}

func checkClock(sys Kernel) Result {
	const check = "clock"
	now, synchronised, err := sys.Clock()
	if err != nil {
		return warn(check, say("the clock's state cannot be read: %s", err), Text{})
	}
	if now.Year() < 2025 {
		return bad(check, say("the clock says %s; records would be filed under that day", now.Format(time.DateOnly)),
			say("set it: timedatectl set-ntp true, or date -s"))
	}
	if !synchronised {
		return warn(check, say("nothing keeps the clock right; it says %s", now.Format(time.DateTime)), say("synchronise it: timedatectl set-ntp true"))
	}
	return ok(check, say("synchronised, %s", now.Format(time.DateTime)))
}

// checkLimits has a line for each limit that a manifest can set on all processes of an instance together.
func checkLimits(sys Kernel) []Result {
	var results []Result
	for _, e := range sys.Enforceable() {
		if e.How != "" {
			results = append(results, ok(e.Limit, say("resources.%s is enforced by %s", e.Limit, e.How)))
			continue
		}
		mend := say("run it as a unit with Delegate=yes; in a container, mount /sys/fs/cgroup writable and use --cgroupns=private")
		if sys.UID() != 0 {
			mend = say("run it as root, or as a unit of this user with Delegate=yes")
		}
		results = append(results, warn(e.Limit, say("resources.%s is not enforced here: %s", e.Limit, e.Why), mend))
	}
	if sys.UID() == 0 {
		return append(results, ok("users", say("services may run as other users (process.user)")))
	}
	return append(results, ok("users", say("services run as this user; process.user needs root")))
}
