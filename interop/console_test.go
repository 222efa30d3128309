package interop

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

// consoleToken is what the console's admin server wants.
const consoleToken = "0123456789abcdef0123456789abcdef"

// hostileID is a parcel's id that must stay text wherever it is shown.
const hostileID = `<img src=x onerror="document.title='XSS'">`

// TestConsole has headless Chromium use the console of a gateway with traffic: every
// page at 400 and 1400 pixels, light and dark, checked with axe, and the changes that
// operators make. Its screenshots are in build/screenshots.
func TestConsole(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a gateway and Chromium")
	}
	t.Parallel()
	if err := installConsole(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	screenshots, err := filepath.Abs("../build/screenshots")
	if err != nil {
		t.Fatal(err)
	}
	w := newConsoleWorld(t)
	browser := exec.Command("node", "console.mjs")
	browser.Dir = "console"
	browser.Env = append(os.Environ(), "CONSOLE_URL="+w.gateway.URL("admin")+"/console/", "CONSOLE_TOKEN="+consoleToken,
		"CONSOLE_PARCEL="+w.delivered, "CONSOLE_HOSTILE="+hostileID, "CONSOLE_GATEWAY="+w.recipient.ID(),
		"CONSOLE_SCREENSHOTS="+screenshots, "CONSOLE_HIDDEN_BLOB="+w.blob)
	out, err := browser.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%v\nthe gateway said:\n%s", err, w.gateway.Log())
	}
	w.recordedWho(t)
}

var installConsole = sync.OnceValue(func() error {
	if _, err := os.Stat(filepath.Join("console", "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = "console"
	install.Stdout, install.Stderr = os.Stdout, os.Stderr
	return install.Run()
})

// consoleWorld is a gateway to look at: parcels that went through, that wait for a
// private gateway, that a destination does not take, and one that cannot be handed out.
type consoleWorld struct {
	gateway   *process.Standalone
	client    *http.Client
	recipient *powebclient.PrivateGateway
	delivered string // a parcel that was delivered to the Internet
	blob      string // the octets of the one that is parked, moved away
}

func newConsoleWorld(t *testing.T) *consoleWorld {
	t.Helper()
	node := newReceiver(t, nil)
	node.answer = func(w http.ResponseWriter, r *http.Request, id string) {
		if strings.Contains(r.URL.Path, "busy") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		node.accept(w, id)
	}
	dir := t.TempDir()
	secret := filepath.Join(dir, "token")
	if err := os.WriteFile(secret, []byte(consoleToken), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := append(node.override("good.example"), node.override("busy.example")...)
	w := &consoleWorld{gateway: process.StartStandalone(t, dir, append(flags, "--admin-token-file", secret, "--console-changes")...)}
	w.client = &http.Client{Transport: showing{consoleToken, &http.Transport{DisableKeepAlives: true}}}
	w.toTheInternet(t)
	w.betweenGateways(t, filepath.Join(dir, "data"))
	return w
}

// showing shows a token to the admin server.
type showing struct {
	token string
	inner http.RoundTripper
}

func (s showing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+s.token)
	return s.inner.RoundTrip(r)
}

// toTheInternet sends parcels to a destination that takes them, and to one that does
// not.
func (w *consoleWorld) toTheInternet(t *testing.T) {
	t.Helper()
	from, endpoint := newInternetSender(t, w.gateway)
	for i := range 8 {
		parcel := powebclient.Parcel{
			ID: fmt.Sprintf("weather-report-%d", i), To: endpoint, InternetAddress: "good.example", TTL: time.Hour, Payload: make([]byte, 700),
		}
		if i%2 == 1 {
			parcel.InternetAddress = "busy.example"
		}
		if i == 7 {
			parcel.ID = hostileID
		}
		written, err := endpoint.WriteWith(parcel, endpoint.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		if err := from.Deliver(t.Context(), written); err != nil {
			t.Fatal(err)
		}
	}
	w.delivered = "weather-report-0"
}

// betweenGateways sends parcels to a private gateway, which collects some of them, and
// hides the octets of one, which is parked.
func (w *consoleWorld) betweenGateways(t *testing.T, data string) {
	t.Helper()
	sender, from := newInternetSender(t, w.gateway)
	recipient, to := newInternetSender(t, w.gateway)
	w.recipient = recipient
	deliver := func(id string, size int) {
		parcel, err := from.Write(powebclient.Parcel{ID: id, To: to, TTL: time.Hour, Payload: make([]byte, size)})
		if err == nil {
			err = sender.Deliver(t.Context(), parcel)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		deliver(fmt.Sprintf("letter-%d", i), 300)
	}
	if err := newLedger().collect(t.Context(), recipient, powebclient.CloseUponCompletion); err != nil {
		t.Logf("collection ended: %v", err)
	}
	deliver("lost-octets", 100<<10) // larger than what shares a file
	w.blob = w.hide(t, data)
	if err := newLedger().collect(t.Context(), recipient, powebclient.CloseUponCompletion); err != nil {
		t.Logf("collection ended: %v", err)
	}
	within(t, 20*time.Second, "a message is parked", func() bool {
		return len(w.recorded(t, events.StreamParked)) > 0
	})
	deliver("letter-waiting", 300)
}

// hide moves the octets of the parcel that waits for the private gateway away, and
// returns where they were; they are beside it, with another name.
func (w *consoleWorld) hide(t *testing.T, data string) (was string) {
	t.Helper()
	key := ""
	for _, r := range w.recorded(t, events.StreamGatewayParcels) {
		if accepted, ok := r.Data.(events.GatewayParcelAccepted); ok {
			key = filepath.FromSlash(accepted.BlobKey)
		}
	}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, key) {
			was = path
		}
		return err
	})
	if err == nil {
		err = os.Rename(was, was+".hidden")
	}
	if err != nil {
		t.Fatal(err)
	}
	return was
}

func (w *consoleWorld) recorded(t *testing.T, stream string) (records []events.Record) {
	t.Helper()
	client, err := history.NewClient(w.gateway.URL("admin"), w.client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for m, err := range client.Messages(ctx, history.Query{Filter: history.Filter{Streams: []string{stream}}}) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, m.Record())
	}
	return records
}

// recordedWho wants the history to hold who changed what in the browser, and why.
func (w *consoleWorld) recordedWho(t *testing.T) {
	t.Helper()
	want := events.Operation{By: "Ada", Reason: "browser test"}
	done := map[string]bool{}
	for _, stream := range []string{events.StreamInternetParcels, events.StreamParked} {
		for _, r := range w.recorded(t, stream) {
			switch d := r.Data.(type) {
			case events.DestinationHeld:
				done["held"] = d.Operation == want
			case events.DestinationReleased:
				done["released"] = d.Operation == want
			case events.InternetParcelDropped:
				done["dropped"] = d.By == want.By && d.Reason == want.Reason
			case events.ParkedMessageReplayed:
				done["replayed"] = d.Operation == want
			}
		}
	}
	for _, what := range []string{"held", "released", "dropped", "replayed"} {
		if !done[what] {
			t.Errorf("nothing was %s by Ada", what)
		}
	}
}
