package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"awala.network/gateway/projections"
)

// ReadModels returns the names of the projections that Init makes.
func ReadModels() (names []string) {
	for _, m := range readModels() {
		names = append(names, strings.TrimSuffix(m.Name, "_v1"))
	}
	slices.Sort(names)
	return names
}

// KeptProjections returns the names of those that a running gateway keeps.
func KeptProjections(t *testing.T, g *Gateway) (names []string) {
	t.Helper()
	answer, err := http.Get("http://" + g.Info().Servers["admin"] + "/projections")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var all []projections.Status
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}
