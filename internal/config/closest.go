package config

import (
	"fmt"
	"maps"
	"slices"
)

// unknownKey says that no setting is named key, and which one comes closest.
func unknownKey(key string, known map[string]bool) string {
	closest, least := "", 1+len(key)/2
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if d := distance(key, name); d < least {
			closest, least = name, d
		}
	}
	if closest == "" {
		return fmt.Sprintf("unknown setting %q", key)
	}
	return fmt.Sprintf("unknown setting %q; did you mean %q?", key, closest)
}

// distance is the Levenshtein distance between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
