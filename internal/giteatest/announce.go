package giteatest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// zero is the SHA of nothing.
const zero = "0000000000000000000000000000000000000000"

// cap5 is how many commits a push tells of, newest first.
const cap5 = 5

// announce tells the hooks what moved between two states of the refs, in the order of the names.
func (r *Repo) announce(by *User, before, after map[string]ref) error {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, had := before[name]
		now, has := after[name]
		var err error
		switch {
		case had && has && old == now:
			continue
		case !has:
			r.announceDelete(by, name)
		default:
			if !had {
				old = ref{object: zero}
				r.announceCreate(by, name, now)
			}
			err = r.announcePush(by, name, old, now)
		}
		if err != nil {
			return err
		}
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			if err := r.pullsMoved(by, branch, now, has); err != nil {
				return err
			}
		}
	}
	return nil
}

func short(name string) (string, string) {
	if tag, ok := strings.CutPrefix(name, "refs/tags/"); ok {
		return tag, "tag"
	}
	return strings.TrimPrefix(name, "refs/heads/"), "branch"
}

func (r *Repo) announceCreate(by *User, name string, now ref) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	ref, kind := short(name)
	r.fire("create", "create", ref, createJSON{now.commit, ref, kind, r.s.repoJSON(r, none, false), r.s.userJSON(by, "")})
}

func (r *Repo) announceDelete(by *User, name string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	ref, kind := short(name)
	r.fire("delete", "delete", ref, deleteJSON{ref, kind, "user", r.s.repoJSON(r, admin, false), r.s.userJSON(by, "")})
}

func (r *Repo) announcePush(by *User, name string, old, now ref) error {
	p, err := r.push(name, old, now)
	if err != nil {
		return err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p.Repository, p.Pusher, p.Sender = r.s.repoJSON(r, admin, false), r.s.userJSON(by, ""), r.s.userJSON(by, "")
	branch, _ := short(name)
	r.fire("push", "push", branch, p)
	return nil
}

// push describes one, without the repository and the people.
func (r *Repo) push(name string, old, now ref) (pushJSON, error) {
	p := pushJSON{Ref: name, Before: old.object, After: now.object, Commits: []commitJSON{}, CompareURL: r.s.URL + "/" + r.FullName() + "/compare/" + old.object + "..." + now.object}
	head, err := r.commits("-1", now.commit)
	if err != nil || len(head) == 0 {
		return p, err
	}
	p.HeadCommit = &head[0]
	if strings.HasPrefix(name, "refs/tags/") {
		return p, nil
	}
	span := []string{now.commit}
	if old.object != zero {
		span = []string{now.commit, "^" + old.commit}
	}
	if p.Commits, err = r.commits(append([]string{"-" + strconv.Itoa(cap5)}, span...)...); err != nil {
		return p, err
	}
	count, err := r.Git("", append([]string{"rev-list", "--count"}, span...)...)
	if err != nil {
		return p, err
	}
	p.TotalCommits, err = strconv.Atoi(count)
	return p, err
}

// commits reads commits with the files they change.
func (r *Repo) commits(args ...string) ([]commitJSON, error) {
	const format = "--format=%x01%H%x02%an%x02%ae%x02%cn%x02%ce%x02%cI%x02%B%x03"
	out, err := r.Git("", append([]string{"log", "-z", "--root", "--no-renames", "--name-status", format}, args...)...)
	if err != nil {
		return nil, err
	}
	all := []commitJSON{}
	for _, one := range strings.Split(out, "\x01")[1:] {
		head, files, _ := strings.Cut(one, "\x03")
		f := strings.SplitN(head, "\x02", 7)
		c := commitJSON{
			ID: f[0], Message: strings.TrimRight(f[6], "\n") + "\n", URL: r.s.URL + "/" + r.FullName() + "/commit/" + f[0],
			Author: personJSON{f[1], f[2], ""}, Committer: personJSON{f[3], f[4], ""}, Timestamp: strings.Replace(f[5], "+00:00", "Z", 1),
			Added: []string{}, Removed: []string{}, Modified: []string{},
		}
		parts := strings.Split(strings.Trim(files, "\x00\n"), "\x00")
		for i := 0; i+1 < len(parts); i += 2 {
			switch strings.TrimSpace(parts[i]) {
			case "A":
				c.Added = append(c.Added, parts[i+1])
			case "D":
				c.Removed = append(c.Removed, parts[i+1])
			default:
				c.Modified = append(c.Modified, parts[i+1])
			}
		}
		all = append(all, c)
	}
	return all, nil
}

func lower(s string) string { return strings.ToLower(s) }
