package compare

// A watcher looks at pairs of answers to the same request by the same release and remembers what in them is noise. A
// nil one sees nothing.
type watcher struct {
	record  int // counts the pairs
	lists   map[string]*listNoise
	objects map[string]*objectNoise
	numbers map[string]*numberNoise
}

func newWatcher() *watcher {
	return &watcher{lists: map[string]*listNoise{}, objects: map[string]*objectNoise{}, numbers: map[string]*numberNoise{}}
}

// maxWatched bounds the paths of each sort that are remembered, maxNames the names of an object that is one record
// (rather than a table whose names are data).
const (
	maxWatched = 20000
	maxNames   = 200
)

type listNoise struct{ differ, permuted int }

type objectNoise struct {
	differ, renamed int
	names           map[string]struct{} // nil once there are more than maxNames
	wide            bool
}

type numberNoise struct {
	records, last int // records in which it was compared
	up, down      int // how often the second was the greater, the smaller
	most          float64
}

// look returns what is remembered of a path, nil when too much is.
func look[T any](m map[string]*T, path string) *T {
	n, ok := m[path]
	if !ok && len(m) < maxWatched {
		n = new(T)
		m[path] = n
	}
	return n
}

func (w *watcher) number(path string, d float64) {
	if w == nil {
		return
	}
	n := look(w.numbers, path)
	if n == nil {
		return
	}
	if n.last != w.record {
		n.last = w.record
		n.records++
	}
	switch {
	case d > 0:
		n.up++
	case d < 0:
		n.down++
	}
	n.most = max(n.most, d, -d)
}

func (w *watcher) object(path string, a map[string]any, missing, added []string) {
	if w == nil {
		return
	}
	o := look(w.objects, path)
	if o == nil {
		return
	}
	if len(missing)+len(added) > 0 {
		o.differ++
	}
	if len(missing) > 0 && len(added) > 0 {
		o.renamed++
	}
	if o.wide {
		return
	}
	if o.names == nil {
		o.names = map[string]struct{}{}
	}
	for name := range a {
		o.names[name] = struct{}{}
	}
	if len(o.names) > maxNames {
		o.wide, o.names = true, nil
	}
}

// permuted reports whether b looks like a in another order: its elements have much more in common when they are
// paired by likeness.
func (w *watcher) permuted(path string, a, b []any) bool {
	if w == nil {
		return false
	}
	l := look(w.lists, path)
	if l == nil {
		return false
	}
	inOrder := 0.0
	for i := range a {
		inOrder += unlike(a[i], b[i])
	}
	if inOrder == 0 {
		return false
	}
	l.differ++
	moved, byLikeness := 0, 0.0
	for i, j := range match(a, b) {
		byLikeness += unlike(a[i], b[j])
		if i != j {
			moved++
		}
	}
	saved := inOrder - byLikeness
	if moved == 0 || saved < 0.5*float64(moved) && byLikeness > 0.2*inOrder {
		return false
	}
	l.permuted++
	return true
}

// structure takes over what was learned of lists and objects, and reports whether that was anything new.
func (r *rules) structure(w *watcher) (news bool) {
	set := func(m map[string]bool, path string) {
		news = news || !m[path]
		m[path] = true
	}
	for path, l := range w.lists {
		if l.permuted > 0 && 2*l.permuted >= l.differ {
			set(r.unordered, path)
		}
	}
	for path, o := range w.objects {
		if o.wide || o.renamed > 0 && 2*o.renamed >= o.differ {
			set(r.dynamic, path)
		}
	}
	return news
}

// spreadFactor is how much of the greatest spread seen between two answers of one release is still noise: the
// greatest of n is exceeded by the next with probability 1/(n+1), twice as much hardly ever.
const spreadFactor = 2

// minPairs is how many differing pairs tell jitter from a clock.
const minPairs = 5

// tolerances takes over what was learned of numbers. A number that always grows (a clock, a counter) has no spread;
// it stays plain noise.
func (r *rules) tolerances(w *watcher) {
	for path, n := range w.numbers {
		pairs, oneWay := n.up+n.down, max(n.up, n.down)
		if pairs >= minPairs && oneWay*20 < pairs*19 {
			r.learned[path] = spreadFactor * n.most
		}
	}
}
