package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

func decode(t testing.TB, from io.Reader, into any) {
	t.Helper()
	if err := json.NewDecoder(from).Decode(into); err != nil {
		t.Error(err)
	}
}

func encode(to http.ResponseWriter, v any) {
	to.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(to).Encode(v) // the console tells if it cannot read it
}
