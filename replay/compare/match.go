package compare

import (
	"encoding/json"
	"math"
	"slices"
)

// maxPairs bounds the elements without an equal that are paired by likeness; beyond that they are paired in order.
const maxPairs = 48

// match pairs the elements of two lists of equal length: equal ones first, then numbers by size and everything else
// with what it has most in common with. The result is, for each element of a, the index in b.
func match(a, b []any) []int {
	out := make([]int, len(a))
	restA, restB := matchEqual(a, b, out)
	switch {
	case len(restA) == 0:
	case allNumbers(a, restA) && allNumbers(b, restB):
		bySize(a, restA)
		bySize(b, restB)
		for k, i := range restA {
			out[i] = restB[k]
		}
	case len(restA) > maxPairs:
		for k, i := range restA {
			out[i] = restB[k]
		}
	default:
		matchAlike(a, b, restA, restB, out)
	}
	return out
}

// matchEqual pairs equal elements and returns the indexes of the others.
func matchEqual(a, b []any, out []int) (restA, restB []int) {
	where := map[string][]int{}
	for j, v := range b {
		k := canonical(v)
		where[k] = append(where[k], j)
	}
	taken := make([]bool, len(b))
	for i, v := range a {
		k := canonical(v)
		if at := where[k]; len(at) > 0 {
			out[i], where[k] = at[0], at[1:]
			taken[at[0]] = true
			continue
		}
		restA = append(restA, i)
	}
	for j := range b {
		if !taken[j] {
			restB = append(restB, j)
		}
	}
	return restA, restB
}

// canonical is one text for equal values; names of objects are sorted.
func canonical(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // what was decoded can be encoded
		panic(err)
	}
	return string(text)
}

func allNumbers(list []any, at []int) bool {
	for _, i := range at {
		if _, ok := numberOf(list[i]); !ok {
			return false
		}
	}
	return true
}

func numberOf(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func bySize(list []any, at []int) {
	slices.SortStableFunc(at, func(i, j int) int {
		x, _ := numberOf(list[i])
		y, _ := numberOf(list[j])
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// matchAlike pairs, again and again, the two elements that differ in the fewest values.
func matchAlike(a, b []any, restA, restB, out []int) {
	type candidate struct {
		i, j int
		cost float64
	}
	var all []candidate
	for x, i := range restA {
		for y, j := range restB {
			cost := unlike(a[i], b[j])
			if x != y {
				cost += 1e-6 // in doubt the order stays
			}
			all = append(all, candidate{i, j, cost})
		}
	}
	slices.SortStableFunc(all, func(p, q candidate) int {
		switch {
		case p.cost < q.cost:
			return -1
		case p.cost > q.cost:
			return 1
		}
		return 0
	})
	usedA, usedB := map[int]bool{}, map[int]bool{}
	for _, c := range all {
		if !usedA[c.i] && !usedB[c.j] {
			usedA[c.i], usedB[c.j] = true, true
			out[c.i] = c.j
		}
	}
}

// unlike is how many values differ between two; numbers count by how far they are apart, at most 1.
func unlike(a, b any) float64 {
	if typeOf(a) != typeOf(b) {
		return leaves(a) + leaves(b)
	}
	switch a := a.(type) {
	case map[string]any:
		sum := 0.0
		other := b.(map[string]any)
		for name, v := range a {
			if w, ok := other[name]; ok {
				sum += unlike(v, w)
			} else {
				sum += leaves(v)
			}
		}
		for name, w := range other {
			if _, ok := a[name]; !ok {
				sum += leaves(w)
			}
		}
		return sum
	case []any:
		other := b.([]any)
		sum := 0.0
		for i := range max(len(a), len(other)) {
			switch {
			case i >= len(a):
				sum += leaves(other[i])
			case i >= len(other):
				sum += leaves(a[i])
			default:
				sum += unlike(a[i], other[i])
			}
		}
		return sum
	}
	if a == b {
		return 0
	}
	x, okA := numberOf(a)
	y, okB := numberOf(b)
	if okA && okB {
		return distance(x, y)
	}
	return 1
}

// distance is how far two numbers are apart, from 0 to 1.
func distance(x, y float64) float64 {
	if x == y {
		return 0
	}
	return min(1, math.Abs(x-y)/max(math.Abs(x), math.Abs(y)))
}

func leaves(v any) float64 {
	sum := 0.0
	switch v := v.(type) {
	case map[string]any:
		for _, w := range v {
			sum += leaves(w)
		}
	case []any:
		for _, w := range v {
			sum += leaves(w)
		}
	}
	return sum + 1
}
