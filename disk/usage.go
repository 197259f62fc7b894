package disk

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Usage is what the data directory takes.
type Usage struct {
	Root     string
	Space    Space
	Bytes    int64 // of everything below Root
	Folders  []Folder
	Services []Service
}

// Folder is a part of the data directory.
type Folder struct {
	Name  string
	Bytes int64
	Files int
}

// Service is what one service takes. Environments are shared: Own are the bytes of those that no other service uses, Common of those that
// others use, too.
type Service struct {
	Name         string
	Releases     int
	ReleaseBytes int64
	Environments int
	Own, Common  int64
	LogBytes     int64
}

// Bytes is what would be free without the service.
func (s Service) Bytes() int64 { return s.ReleaseBytes + s.Own + s.LogBytes }

// Uses says where the parts of a service lie. Envs are names of folders below the environments.
type Uses struct {
	Name     string
	Releases string // folder of all its releases
	Count    int    // of releases
	Logs     string
	Envs     []string
}

// Survey measures the data directory and its services; envs is the folder of the environments.
func Survey(ctx context.Context, root, envs string, services []Uses) (Usage, error) {
	u := Usage{Root: root, Folders: []Folder{}, Services: []Service{}}
	var err error
	if u.Space, err = SpaceOf(root); err != nil {
		return u, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return u, fmt.Errorf("list the data directory: %w", err)
	}
	for _, e := range entries {
		s, err := Measure(ctx, filepath.Join(root, e.Name()))
		if err != nil {
			return u, err
		}
		u.Bytes += s.Bytes
		u.Folders = append(u.Folders, Folder{e.Name(), s.Bytes, s.Files})
	}
	slices.SortFunc(u.Folders, func(a, b Folder) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Name, b.Name)) })
	sizes, users := map[string]int64{}, map[string]int{}
	for _, s := range services {
		for _, key := range s.Envs {
			users[key]++
			if _, known := sizes[key]; known {
				continue
			}
			size, err := Measure(ctx, filepath.Join(envs, key))
			if err != nil {
				return u, err
			}
			sizes[key] = size.Bytes
		}
	}
	for _, s := range services {
		one, err := measured(ctx, s)
		if err != nil {
			return u, err
		}
		for _, key := range s.Envs {
			if users[key] > 1 {
				one.Common += sizes[key]
			} else {
				one.Own += sizes[key]
			}
		}
		u.Services = append(u.Services, one)
	}
	slices.SortFunc(u.Services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), strings.Compare(a.Name, b.Name))
	})
	return u, nil
}

func measured(ctx context.Context, s Uses) (Service, error) {
	one := Service{Name: s.Name, Releases: s.Count, Environments: len(s.Envs)}
	releases, err := Measure(ctx, s.Releases)
	if err != nil {
		return one, err
	}
	logs, err := Measure(ctx, s.Logs)
	one.ReleaseBytes, one.LogBytes = releases.Bytes, logs.Bytes
	return one, err
}
