package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sample is what one request was answered. Base and Candidate are compared; Twice are two answers of the same release,
// whose differences are noise. Again, when it is set, are a second answer of each, asked for because the first two
// differed.
type Sample struct {
	ID        string // of the record
	Base      Answer
	Candidate Answer
	Twice     [2]Answer
	Again     *[2]Answer
}

// Samples are visited several times, always in the same order: noise is learned before it is judged.
type Samples func(visit func(*Sample) error) error

// Suspicious reports whether a sample's answers differ in a way that their noise does not show: asking again tells
// whether it lasts.
func (o Options) Suspicious(s *Sample) (bool, error) {
	r, err := o.rules()
	if err != nil {
		return false, err
	}
	noise := r.diff(readAnswer(&s.Twice[0]), readAnswer(&s.Twice[1]), nil).found
	for at := range r.diffOverTime(readAnswer(&s.Base), readAnswer(&s.Candidate)).found {
		if _, too := noise[at]; !too {
			return true, nil
		}
	}
	return false, nil
}

// significance is the chance that any field of a report is called changed by noise alone; Bonferroni's correction
// divides it among the fields that are tested.
const significance = 0.01

// tally counts the records in which a place differs.
type tally struct {
	differs, noise       int
	only, onlyNoise      int // in one of the two, not in the other
	confirmed            int // of only: not asked again, or again the same
	gross                int // far beyond what was learned
	learnedIn            int // records behind the learned tolerance; 0 is none
	p                    float64
	tested               bool
	changed, unconfirmed bool
}

// maxPlaces bounds what is told apart.
const maxPlaces = 10000

// Judge compares samples and says what changed. Errors are those of samples and of the options.
func Judge(o Options, samples Samples) (Outcome, error) {
	r, err := o.rules()
	if err != nil {
		return Outcome{}, err
	}
	if err := r.learn(samples); err != nil {
		return Outcome{}, err
	}
	j := &judge{rules: r, places: map[place]*tally{}}
	if err := samples(j.count); err != nil {
		return Outcome{}, err
	}
	j.decide()
	if err := samples(j.explain); err != nil {
		return Outcome{}, err
	}
	return j.outcome(), nil
}

// maxRounds bounds how often structure is learned: what is in a list without an order shows only once that is known.
const maxRounds = 3

// learn finds out what is noise.
func (r *rules) learn(samples Samples) error {
	for range maxRounds {
		w, err := r.watch(samples)
		if err != nil {
			return err
		}
		if !r.structure(w) {
			r.tolerances(w)
			r.behind = w
			return nil
		}
	}
	w, err := r.watch(samples)
	if err == nil {
		r.tolerances(w)
		r.behind = w
	}
	return err
}

func (r *rules) watch(samples Samples) (*watcher, error) {
	w := newWatcher()
	err := samples(func(s *Sample) error {
		w.record++
		r.diff(readAnswer(&s.Twice[0]), readAnswer(&s.Twice[1]), w)
		return nil
	})
	return w, err
}

type judge struct {
	*rules
	places   map[place]*tally
	folded   int // differences that were not told apart
	samples  int
	differ   int // samples with a true difference
	examples map[place][]Example
	times    latencies
}

// verdicts are one sample's differences and noise.
type verdicts struct {
	base, cand *reading
	truly      *comparer
	noise      findings
	again      findings // nil: not asked again
}

func (j *judge) verdicts(s *Sample) verdicts {
	v := verdicts{base: readAnswer(&s.Base), cand: readAnswer(&s.Candidate)}
	v.truly = j.diffOverTime(v.base, v.cand)
	first := readAnswer(&s.Twice[0])
	v.noise = j.diff(first, readAnswer(&s.Twice[1]), nil).found
	if s.Again != nil {
		base, cand := readAnswer(&s.Again[0]), readAnswer(&s.Again[1])
		v.again = j.diffOverTime(base, cand).found
		maps.Copy(v.noise, j.diff(v.base, base, nil).found)
	}
	return v
}

func (j *judge) tally(at place) *tally {
	t := j.places[at]
	if t == nil {
		if len(j.places) >= maxPlaces {
			j.folded++
			return &tally{}
		}
		t = &tally{}
		j.places[at] = t
	}
	return t
}

func (j *judge) count(s *Sample) error {
	j.samples++
	j.times.add(s)
	v := j.verdicts(s)
	for at := range v.truly.found {
		t := j.tally(at)
		t.differs++
		if v.truly.gross[at.path] && at.kind == KindValue {
			t.gross++
		}
		if _, too := v.noise[at]; too {
			continue
		}
		t.only++
		if _, same := v.again[at]; same || v.again == nil {
			t.confirmed++
		}
	}
	for at := range v.noise {
		t := j.tally(at)
		t.noise++
		if _, too := v.truly.found[at]; !too {
			t.onlyNoise++
		}
	}
	return nil
}

// decide says of every place whether it changed.
func (j *judge) decide() {
	tested := 0
	for at, t := range j.places {
		if _, ok := j.learned[at.path]; ok && at.kind == KindValue {
			t.learnedIn = j.behind.numbers[at.path].records
		}
		if t.tested = t.learnedIn > 0 || t.noise > 0 || t.confirmed == 0; t.tested {
			tested++
		}
	}
	alpha := significance / float64(max(1, tested))
	for _, t := range j.places {
		switch {
		case t.differs == 0:
		case !t.tested:
			t.changed = true
		case t.learnedIn > 0:
			t.p = binomialTail(t.only, max(t.only, t.learnedIn), 1/float64(t.learnedIn+1))
			t.changed = t.gross > 0 || t.p < alpha
		default:
			t.p = moreOften(t.only, t.onlyNoise)
			t.changed = t.p < alpha
			t.unconfirmed = !t.changed && t.noise == 0
		}
	}
}

// maxExamples are shown for each field.
const maxExamples = 3

// explain collects examples of what changed, and counts the samples it shows in.
func (j *judge) explain(s *Sample) error {
	if j.examples == nil {
		j.examples = map[place][]Example{}
	}
	v := j.verdicts(s)
	differs := false
	for at, found := range v.truly.found {
		t := j.places[at]
		if t == nil || !t.changed && !t.unconfirmed {
			continue
		}
		if _, too := v.noise[at]; too && t.learnedIn == 0 {
			continue
		}
		differs = differs || t.changed
		if list := j.examples[at]; len(list) < maxExamples {
			j.examples[at] = append(list, Example{
				Record: s.ID, Base: shown(found.a, at.kind != KindNew), Candidate: shown(found.b, at.kind != KindMissing),
			})
		}
	}
	if differs {
		j.differ++
	}
	return nil
}

func (j *judge) outcome() Outcome {
	out := Outcome{Compared: j.samples, Differ: j.differ, Fields: []Field{}, Noise: []Field{}, Latency: j.times.summary()}
	for at, t := range j.places {
		f := Field{
			Path: at.path, Kind: at.kind, Differs: t.differs, Noisy: t.noise, P: t.p,
			Tolerance: j.learned[at.path], Examples: j.examples[at],
		}
		switch {
		case t.changed:
			out.Fields = append(out.Fields, f)
		case t.unconfirmed:
			f.Unconfirmed = true
			out.Noise = append(out.Noise, f)
		default:
			out.Noise = append(out.Noise, f)
		}
	}
	for path := range j.learned {
		if !slices.ContainsFunc(out.Noise, func(f Field) bool { return f.Path == path }) &&
			!slices.ContainsFunc(out.Fields, func(f Field) bool { return f.Path == path }) {
			out.Noise = append(out.Noise, Field{Path: path, Kind: KindValue, Tolerance: j.learned[path]})
		}
	}
	byWeight := func(a, b Field) int {
		return cmp.Or(cmp.Compare(b.Differs, a.Differs), strings.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	}
	slices.SortFunc(out.Fields, byWeight)
	slices.SortFunc(out.Noise, byWeight)
	out.Unordered = slices.Sorted(maps.Keys(j.unordered))
	out.Dynamic = slices.Sorted(maps.Keys(j.dynamic))
	if j.folded > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("there are more than %d differing paths: %d differences beyond that are not told apart", maxPlaces, j.folded))
	}
	if out.Compared > 0 {
		out.Rate = float64(out.Differ) / float64(out.Compared)
	}
	return out
}
