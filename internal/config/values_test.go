package config

import (
	"testing"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

func TestValues(t *testing.T) {
	tests := []struct {
		value    pflag.Value
		in, want string // want "" is an error
	}{
		{new(Listen), "127.0.0.1:8080", "127.0.0.1:8080"},
		{new(Listen), ":0", ":0"},
		{new(Listen), "[::1]:80", "[::1]:80"},
		{new(Listen), "localhost:80", "localhost:80"},
		{new(Listen), "off", "off"},
		{new(Listen), "8080", ""},
		{new(Listen), "a:http", ""},
		{new(Listen), "a:080", ""},
		{new(Listen), "a:+80", ""},
		{new(Listen), "http://a:80", ""},
		{new(Listen), "a b:80", ""},
		{new(Hostname), "gw.example.com", "gw.example.com"},
		{new(Hostname), "GW.example.com.", "gw.example.com"},
		{new(Hostname), "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{new(Hostname), "10.0.0.1", ""},
		{new(Hostname), "https://gw", ""},
		{new(Hostname), "gw..example", ""},
		{new(Hostname), "", ""},
		{new(Level), "debug", "debug"},
		{new(Level), "error", "error"},
		{new(Level), "INFO", ""},
		{new(LogFormat), "json", "json"},
		{new(LogFormat), "xml", ""},
		{new(Path), "/a/../b", "/b"},
		{new(Size), "0", "0"},
		{new(Size), "1024", "1KiB"},
		{new(Size), "10GiB", "10GiB"},
		{new(Size), "500 MB", "500MB"},
		{new(Size), "7", "7B"},
		{new(Size), "-1", ""},
		{new(Size), "1.5GB", ""},
		{new(Size), "9000000TiB", ""},
		{new(Size), "GB", ""},
		{new(Text), "any thing", "any thing"},
		{new(Text), "a\nb", ""},
		{new(Count), "3", "3"},
		{new(Count), "0", ""},
		{new(Count), "-1", ""},
		{new(TraceExporter), "otlp-http", "otlp-http"},
		{new(TraceExporter), "jaeger", ""},
		{new(OptionalURL), "http://collector:4317/", "http://collector:4317"},
		{new(OptionalURL), "collector:4317", ""},
		{new(Ratio), "0.25", "0.25"},
		{new(Ratio), "1", "1"},
		{new(Ratio), "1.1", ""},
		{new(Ratio), "-1", ""},
		{new(Ratio), "NaN", ""},
		{new(Switch), "true", "true"},
		{new(Switch), "yes", ""},
		{new(URL), "https://vault:8200/", "https://vault:8200"},
		{new(URL), "vault:8200", ""},
		{new(URL), "https://u:p@vault", ""},
		{new(NATSURLs), "nats://a:4222,tls://b:4222", "nats://a:4222,tls://b:4222"},
		{new(NATSURLs), "a:4222", ""},
		{new(Networks), "10.0.0.0/8, ::1", "10.0.0.0/8, ::1"},
		{new(Networks), "private,192.0.2.1", "private,192.0.2.1"},
		{new(Networks), "proxy.example", ""},
		{new(Networks), "10.0.0.0/33", ""},
		{new(Rate), "10/s", "10/s"},
		{new(Rate), "600/m", "600/m"},
		{new(Rate), "1/h", "1/h"},
		{new(Rate), "0", "0"},
		{new(Rate), "10", ""},
		{new(Rate), "0/s", ""},
		{new(Rate), "10/d", ""},
		{new(Rate), "99999999/s", ""},
		{new(NATSURLs), "nats://u:p@a:4222", ""},
	}
	for _, tt := range tests {
		err := tt.value.Set(tt.in)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%T %q: no error, got %s", tt.value, tt.in, tt.value)
		case tt.want != "" && err != nil:
			t.Errorf("%T %q: %v", tt.value, tt.in, err)
		case tt.want != "" && tt.value.String() != tt.want:
			t.Errorf("%T %q: got %s, want %s", tt.value, tt.in, tt.value, tt.want)
		}
	}
}

// TestSizeRoundTrip: what String writes, Set reads as the same size.
func TestSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Int64Min(0).Draw(t, "octets"))
		var got Size
		if err := got.Set(want.String()); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("%d became %d by way of %s", want, got, want.String())
		}
	})
}

// FuzzListen holds every accepted address to be one that reads back the same.
func FuzzListen(f *testing.F) {
	f.Add("127.0.0.1:8080")
	f.Add("[::1]:0")
	f.Add("off")
	f.Fuzz(func(t *testing.T, in string) {
		var first, second Listen
		if first.Set(in) != nil {
			return
		}
		if err := second.Set(first.String()); err != nil || first != second {
			t.Errorf("%q: %v, %q then %q", in, err, first, second)
		}
	})
}
