package doctor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// bucket is an object store that does what no real one here can be made to do.
type bucket struct {
	mu      sync.Mutex
	objects map[string]object

	missing, denied, replaces, forgets, keeps, versioned bool

	ahead time.Duration
	rules string // XML; "" is none, "unsupported" says so
}

type object struct {
	body   []byte
	expiry string
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(b.ahead).UTC().Format(http.TimeFormat))
	key, inBucket := strings.CutPrefix(r.URL.Path, "/parcels/")
	switch query := r.URL.Query(); {
	case b.denied && r.Header.Get("Authorization") != "":
		s3Error(w, http.StatusForbidden, "SignatureDoesNotMatch")
	case inBucket && key != "":
		b.serveObject(w, r, key)
	case !inBucket && r.URL.Path != "/parcels":
		w.WriteHeader(http.StatusForbidden) // the endpoint without a bucket
	case b.missing:
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
	case query.Has("lifecycle") && b.rules == "unsupported":
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
	case query.Has("lifecycle") && b.rules == "":
		s3Error(w, http.StatusNotFound, "NoSuchLifecycleConfiguration")
	case query.Has("lifecycle"):
		fmt.Fprintf(w, "<LifecycleConfiguration>%s</LifecycleConfiguration>", b.rules)
	case query.Has("versioning") && b.versioned:
		fmt.Fprint(w, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	case query.Has("versioning"):
		fmt.Fprint(w, "<VersioningConfiguration/>")
	}
}

func (b *bucket) serveObject(w http.ResponseWriter, r *http.Request, key string) {
	stored, there := b.objects[key]
	switch {
	case r.Method == http.MethodPut && there && !b.replaces && r.Header.Get("If-None-Match") == "*":
		s3Error(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		expiry := r.Header.Get("X-Amz-Meta-Parcel-Expiry")
		if b.forgets {
			expiry = ""
		}
		b.objects[key] = object{body, expiry}
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete && b.keeps:
		s3Error(w, http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		s3Error(w, http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("X-Amz-Meta-Parcel-Expiry", stored.expiry)
		w.Header().Set("Content-Length", fmt.Sprint(len(stored.body)))
		_, _ = w.Write(stored.body)
	}
}

// rule is a lifecycle rule as S3 writes it.
func rule(id, prefix string, days int) string {
	return fmt.Sprintf("<Rule><ID>%s</ID><Status>Enabled</Status><Filter><Prefix>%s</Prefix></Filter>"+
		"<Expiration><Days>%d</Days></Expiration></Rule>", id, prefix, days)
}

// vaultServer answers what the doctor asks.
type vaultServer struct {
	uninitialised, sealed bool

	token, version string
	ttl            int
	policies       []string
	capabilities   map[string][]string // by "data" and "metadata"
	ahead          time.Duration
}

func (v *vaultServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(data any) { _ = json.NewEncoder(w).Encode(map[string]any{"data": data}) }
	switch path := strings.TrimPrefix(r.URL.Path, "/v1/"); {
	case path == "sys/health":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"initialized": !v.uninitialised, "sealed": v.sealed, "version": "1.21.0",
			"server_time_utc": time.Now().Add(v.ahead).Unix(),
		})
	case path == "auth/approle/login":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"errors":["invalid role or secret ID"]}`)
	case r.Header.Get("X-Vault-Token") != v.token:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errors":["permission denied"]}`)
	case path == "auth/token/lookup-self":
		answer(map[string]any{"ttl": v.ttl, "renewable": true, "policies": v.policies})
	case path == "sys/internal/ui/mounts/gw-keys" && v.version == "":
		w.WriteHeader(http.StatusForbidden) // as Vault does for mounts that are not there
		fmt.Fprint(w, `{"errors":["preflight capability check returned 403"]}`)
	case path == "sys/internal/ui/mounts/gw-keys":
		answer(map[string]any{"type": "kv", "options": map[string]any{"version": v.version}})
	case path == "sys/capabilities-self":
		body, _ := io.ReadAll(r.Body)
		all := map[string]any{}
		for part, list := range v.capabilities {
			if slices.Contains(strings.Split(string(body), "/"), part) {
				all["capabilities"] = list
			}
		}
		answer(all)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[]}`)
	}
}
