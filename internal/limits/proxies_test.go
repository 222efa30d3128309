package limits_test

import (
	"net/http"
	"net/netip"
	"testing"

	"awala.network/gateway/internal/limits"
)

func TestClient(t *testing.T) {
	proxies := limits.Proxies{network("10.0.0.0/8"), network("fd00::/8")}
	tests := map[string]struct {
		remote      string
		xff         []string
		forwarded   []string
		want        string
		wantProxied bool
	}{
		"no proxy":                {remote: "192.0.2.1:1", want: "192.0.2.1"},
		"header of a stranger":    {remote: "192.0.2.1:1", xff: []string{"198.51.100.7"}, want: "192.0.2.1"},
		"one proxy":               {remote: "10.0.0.1:1", xff: []string{"198.51.100.7"}, want: "198.51.100.7", wantProxied: true},
		"two proxies":             {remote: "10.0.0.1:1", xff: []string{"198.51.100.7, 10.0.0.2"}, want: "198.51.100.7", wantProxied: true},
		"forged on the left":      {remote: "10.0.0.1:1", xff: []string{"203.0.113.9, 198.51.100.7"}, want: "198.51.100.7", wantProxied: true},
		"forged in a field":       {remote: "10.0.0.1:1", xff: []string{"203.0.113.9", "198.51.100.7"}, want: "198.51.100.7", wantProxied: true},
		"forged as a proxy":       {remote: "10.0.0.1:1", xff: []string{"10.9.9.9, 198.51.100.7"}, want: "198.51.100.7", wantProxied: true},
		"without a header":        {remote: "10.0.0.1:1", want: "10.0.0.1", wantProxied: true},
		"nonsense":                {remote: "10.0.0.1:1", xff: []string{"198.51.100.7, unknown"}, want: "10.0.0.1", wantProxied: true},
		"with a port":             {remote: "10.0.0.1:1", xff: []string{"198.51.100.7:80"}, want: "198.51.100.7", wantProxied: true},
		"IPv6":                    {remote: "[fd00::1]:1", xff: []string{"2001:db8::1"}, want: "2001:db8::1", wantProxied: true},
		"IPv4 in IPv6":            {remote: "[::ffff:10.0.0.1]:1", xff: []string{"::ffff:198.51.100.7"}, want: "198.51.100.7", wantProxied: true},
		"Forwarded":               {remote: "10.0.0.1:1", forwarded: []string{`for=198.51.100.7;proto=https;by=10.0.0.1`}, want: "198.51.100.7", wantProxied: true},
		"Forwarded, IPv6":         {remote: "10.0.0.1:1", forwarded: []string{`For="[2001:db8::1]:80"`}, want: "2001:db8::1", wantProxied: true},
		"Forwarded, two":          {remote: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9, for=198.51.100.7`}, want: "198.51.100.7", wantProxied: true},
		"Forwarded, hidden":       {remote: "10.0.0.1:1", forwarded: []string{`for=203.0.113.9, for=_hidden`}, want: "10.0.0.1", wantProxied: true},
		"Forwarded by the client": {remote: "10.0.0.1:1", xff: []string{"203.0.113.9"}, forwarded: []string{"for=198.51.100.7"}, want: "203.0.113.9", wantProxied: true},
		"a socket without a port": {remote: "@", want: "invalid IP"},
	}
	for name, test := range tests {
		header := http.Header{"X-Forwarded-For": test.xff, "Forwarded": test.forwarded}
		got := proxies.Client(test.remote, header)
		if got.Address.String() != test.want || got.Proxied != test.wantProxied {
			t.Errorf("%s: %+v, want %s, %v", name, got, test.want, test.wantProxied)
		}
	}
}

// FuzzClient wants that a header is believed no further than trusted proxies reach:
// what a client puts before what the proxy appends changes nothing.
func FuzzClient(f *testing.F) {
	f.Add("203.0.113.9", "")
	f.Add(`"[::1]:9, 10.0.0.1`, `for="a,b;for=10.0.0.1`)
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		proxies := limits.Proxies{network("10.0.0.0/8")}
		want := netip.MustParseAddr("198.51.100.7")
		header := http.Header{"X-Forwarded-For": {xff, want.String()}, "Forwarded": {forwarded}}
		if got := proxies.Client("10.0.0.1:1", header); got.Address != want {
			t.Errorf("X-Forwarded-For %q, a client's Forwarded %q: %v", xff, forwarded, got)
		}
		header = http.Header{"Forwarded": {forwarded, "for=" + want.String()}}
		if got := proxies.Client("10.0.0.1:1", header); got.Address != want {
			t.Errorf("Forwarded %q: %v", forwarded, got)
		}
	})
}
