package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/config"
)

// TestOverridesFromEverySource gives overrides as operators do.
func TestOverridesFromEverySource(t *testing.T) {
	tests := map[string]struct {
		file          string
		args, environ []string
		want          []string
	}{
		"one flag":  {args: []string{"--pdc-override=a.test=http://127.0.0.1:1"}, want: []string{"a.test http://127.0.0.1:1"}},
		"two flags": {args: []string{"--pdc-override=A.test.=http://127.0.0.1:1", "--pdc-override=b.test=https://b/c"}, want: []string{"a.test http://127.0.0.1:1", "b.test https://b/c"}},
		"variable": {
			environ: []string{"AWALA_PDC_OVERRIDES=a.test=http://127.0.0.1:1, b.test=https://b/c"},
			want:    []string{"a.test http://127.0.0.1:1", "b.test https://b/c"},
		},
		"file": {file: "pdc-override: a.test=http://127.0.0.1:1", args: []string{"--config=FILE"}, want: []string{"a.test http://127.0.0.1:1"}},
		"none": {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, _ := sources(t, tt.file, tt.args, tt.environ)
			c, err := config.Load(src)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range c.PDC.Overrides.List() {
				got = append(got, o.Name+" "+o.URL.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if unknown := src.Unknown(); len(unknown) > 0 {
				t.Errorf("unknown: %v", unknown)
			}
		})
	}
}

func TestDeliverySettingsAreChecked(t *testing.T) {
	for _, arg := range []string{
		"--pdc-override=a.test", "--pdc-override=a=ftp://b", "--pdc-resolver=resolver.example",
		"--delivery-horizon=0s", "--delivery-retry-initial=soon", "--delivery-concurrency=0",
	} {
		src, _ := sources(t, "", []string{arg}, nil)
		if _, err := config.Load(src); err == nil {
			t.Errorf("%s: no error", arg)
		}
	}
	src, _ := sources(t, "", []string{"--pdc-resolver=::1", "--delivery-horizon=36h"}, nil)
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if c.PDC.Resolver != "[::1]:53" || c.Delivery.Horizon.String() != "36h0m0s" {
		t.Errorf("%+v %+v", c.PDC, c.Delivery)
	}
}
