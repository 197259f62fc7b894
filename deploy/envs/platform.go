package envs

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// machine is what decides which wheels can be used. A zero glibc is not known.
type machine struct {
	os, arch   string // linux, x86_64
	major, sub int    // of glibc
	musl       bool
}

// Processors as wheels call them.
var processors = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}

func thisMachine(ctx context.Context) machine {
	m := machine{os: runtime.GOOS, arch: processors[runtime.GOARCH]}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "getconf", "GNU_LIBC_VERSION").Output(); err == nil {
		if v, ok := parseVersion(strings.TrimPrefix(strings.TrimSpace(string(out)), "glibc ")); ok {
			m.major, m.sub = v.part(0), v.part(1)
		}
	}
	found, err := filepath.Glob("/lib/ld-musl-*")
	m.musl = err == nil && len(found) > 0
	return m
}

// fits refuses an archive whose wheels this machine cannot use.
func (a Archive) fits(m machine) error {
	for _, w := range a.Wheels {
		if why := m.refuses(w.File); why != "" {
			return fmt.Errorf("%w: %s %s; export the environment on a machine like this one", ErrArchive, w.File, why)
		}
	}
	return nil
}

// refuses says why a wheel cannot be used here, "" when one of its platforms is this machine's.
func (m machine) refuses(file string) string {
	tags := strings.Split(strings.TrimSuffix(file, ".whl"), "-")
	platforms := strings.Split(tags[len(tags)-1], ".")
	why := ""
	for _, p := range platforms {
		if why = m.refusesPlatform(p); why == "" {
			return ""
		}
	}
	return why
}

var manylinux = regexp.MustCompile(`^(manylinux|musllinux)_(\d{1,4})_(\d{1,4})_(.+)$`)

// oldNames are the glibc versions behind names without one (PEP 513, 571, 599).
var oldNames = strings.NewReplacer("manylinux1_", "manylinux_2_5_", "manylinux2010_", "manylinux_2_12_", "manylinux2014_", "manylinux_2_17_")

func (m machine) refusesPlatform(tag string) string {
	if tag == "any" {
		return ""
	}
	arch, isLinux := strings.CutPrefix(tag, "linux_")
	if many := manylinux.FindStringSubmatch(oldNames.Replace(tag)); many != nil {
		isLinux, arch = true, many[4]
		major, sub := number(many[2]), number(many[3])
		if many[1] == "musllinux" && !m.musl {
			return "needs musl, and this machine has another C library"
		}
		if many[1] == "manylinux" && m.major > 0 && (major > m.major || major == m.major && sub > m.sub) {
			return fmt.Sprintf("needs glibc %d.%d, and this machine has %d.%d", major, sub, m.major, m.sub)
		}
	}
	if !isLinux || m.os != "linux" {
		return "is for " + tag + ", and this machine is " + m.os + " on " + m.arch
	}
	if arch != m.arch {
		return "is for " + arch + ", and this machine is " + m.arch
	}
	return ""
}
