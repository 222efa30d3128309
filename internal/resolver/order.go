package resolver

import (
	"cmp"
	"slices"
)

// Order returns the targets in the order in which to try them (RFC 2782): by
// priority, and within one by lot, in which a target's chance to come next is
// its share of the weights. random(n) returns a number from 0 to n-1.
func Order(targets []Target, random func(n int) int) []Target {
	rest := slices.Clone(targets)
	slices.SortStableFunc(rest, func(a, b Target) int {
		// Those of weight 0 come first, so that they have a small chance.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	ordered := make([]Target, 0, len(rest))
	for len(rest) > 0 {
		i := draw(rest, random)
		ordered = append(ordered, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return ordered
}

// draw picks one of the targets of the first priority.
func draw(targets []Target, random func(n int) int) int {
	same, sum := 0, 0
	for same < len(targets) && targets[same].Priority == targets[0].Priority {
		sum += int(targets[same].Weight)
		same++
	}
	lot := random(sum + 1)
	for i, t := range targets[:same] {
		if lot -= int(t.Weight); lot <= 0 {
			return i
		}
	}
	return same - 1
}
