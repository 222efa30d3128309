package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/admin"
)

func TestRotateCertificate(t *testing.T) {
	expiry := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]struct {
		err  error
		want string
	}{
		"issued":       {nil, "New certificate, valid until 2027-01-02T03:04:05Z.\n"},
		"no key store": {errors.New("key store sealed"), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(admin.NewHandler(admin.Options{
				Readiness: admin.NewReadiness("test"), Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
				Access:            access.New(access.Options{Now: time.Now}),
				RotateCertificate: func(context.Context) (time.Time, error) { return expiry, tc.err },
			}))
			defer server.Close()
			var out bytes.Buffer
			root := newRoot(nil)
			root.SetOut(&out)
			root.SetArgs([]string{"keys", "rotate-certificate", "--admin", server.URL})
			err := root.Execute()
			if out.String() != tc.want {
				t.Errorf("printed %q", &out)
			}
			if (err != nil) != (tc.err != nil) || err != nil && !strings.Contains(err.Error(), tc.err.Error()) {
				t.Errorf("error %v", err)
			}
		})
	}
}
