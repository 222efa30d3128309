package interop

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"awala.network/gateway/interop/process"
)

// metrics returns what the admin server shows of the gateway.
func metrics(t testing.TB, gateway *process.Standalone) string {
	t.Helper()
	response, err := http.Get(gateway.URL("admin") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// sum returns the sum of a metric over its labels.
func sum(t testing.TB, metrics, name string) (total float64) {
	t.Helper()
	for line := range strings.Lines(metrics) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		if err != nil {
			t.Fatal(err)
		}
		total += value
	}
	return total
}
