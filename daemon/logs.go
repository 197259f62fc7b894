package daemon

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/procs/logs"
	"aictl/services"
)

// instanceLogs finds and reads the logs of instances.
type instanceLogs struct{ root string }

// sources are the logs of a service, those of slots that are gone included, or of one of its instances.
func (l instanceLogs) sources(service, instance string) ([]logs.Source, error) {
	paths, err := filepath.Glob(filepath.Join(l.root, service, "*.log"))
	if err != nil {
		return nil, err
	}
	var out []logs.Source
	for _, path := range paths {
		slot, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".log"))
		if err != nil {
			continue
		}
		src := logs.Source{Instance: service + "/" + strconv.Itoa(slot), Path: path}
		if instance == "" || src.Instance == instance {
			out = append(out, src)
		}
	}
	slices.SortFunc(out, func(a, b logs.Source) int { return strings.Compare(a.Instance, b.Instance) })
	return out, nil
}

// tail is the last n lines of one instance since a moment, for the report of a deploy.
func (l instanceLogs) tail(instance string, n int, since time.Time) []string {
	service, slot, _ := strings.Cut(instance, "/")
	number, err := strconv.Atoi(slot)
	if err != nil {
		return nil
	}
	var lines []string
	src := logs.Source{Instance: instance, Path: services.LogPath(l.root, service, number)}
	err = logs.Read(context.Background(), logs.Query{Sources: []logs.Source{src}, Lines: n, Since: since, Streams: logs.Both},
		func(e logs.Entry) error {
			lines = append(lines, string(bytes.ToValidUTF8(e.Text, []byte("�"))))
			return nil
		})
	if err != nil {
		lines = append(lines, "(log not readable: "+err.Error()+")")
	}
	return lines
}
