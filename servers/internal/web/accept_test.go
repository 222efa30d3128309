package web

import "testing"

func TestPrefersText(t *testing.T) {
	tests := map[string]bool{
		"":                                      false,
		"*/*":                                   false,
		"text/plain":                            true,
		"text/plain, application/json":          false,
		"text/plain, application/json;q=0.9":    true,
		"text/plain;q=0, */*":                   false,
		"application/json;q=0, */*":             true,
		"text/plain;q=0.5, application/*;q=0.6": false,
		"text/*, application/*;q=0.1":           true,
		"text/html":                             false,
		",,;;,":                                 false,
		"text/plain;q=NaN":                      false,
		"text/plain;q=2":                        false,
	}
	for accept, want := range tests {
		if got := prefersText([]string{accept}); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func FuzzQuality(f *testing.F) {
	f.Add("text/plain;q=0.5, application/json")
	f.Add("*/*;q=")
	f.Fuzz(func(t *testing.T, accept string) {
		for _, mediaType := range []string{"text/plain", "application/json"} {
			if q := quality([]string{accept}, mediaType); !(q >= 0 && q <= 1) {
				t.Errorf("weight %v", q)
			}
		}
	})
}
