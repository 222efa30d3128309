package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Where things are in the image.
const (
	binaryPath = "/awala-gateway"
	rootsPath  = "/etc/ssl/certs/ca-certificates.crt"
	dataPath   = "/data"
	user       = 65532
)

// build writes an OCI layout with an image for each architecture to the folder out.
func build(repository, out string, architectures []string) error {
	config, err := readConfig(filepath.Join(repository, "deployments/container/Containerfile"))
	if err != nil {
		return err
	}
	source, err := readSource(repository)
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range architectures {
		image, err := buildImage(repository, architecture, config, source)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if _, err := layout.Write(out, index); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s %s (%s)\n", digest, out, strings.Join(architectures, ", "))
	return nil
}

// source is what the image is built from.
type source struct {
	revision string
	time     time.Time
}

// readSource returns the commit of the clone and its date, which all files in the
// image have.
func readSource(repository string) (source, error) {
	command := exec.Command("git", "log", "-1", "--format=%H %ct")
	command.Dir = repository
	said, err := command.Output()
	if err != nil {
		return source{}, fmt.Errorf("git log: %w", err)
	}
	revision, seconds, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	return source{revision: revision, time: time.Unix(unix, 0).UTC()}, err
}

func buildImage(repository, architecture string, config v1.Config, from source) (v1.Image, error) {
	binary, err := compile(repository, architecture)
	if err != nil {
		return nil, err
	}
	roots := authorities()
	system, err := layerOf(from.time,
		folder("etc", 0o755, 0), folder("etc/ssl", 0o755, 0), folder("etc/ssl/certs", 0o755, 0),
		file(rootsPath, 0o644, roots), folder(dataPath, 0o700, user))
	if err != nil {
		return nil, err
	}
	program, err := layerOf(from.time, file(binaryPath, 0o755, binary))
	if err != nil {
		return nil, err
	}
	config.Labels = map[string]string{
		"org.opencontainers.image.title":    "awala-gateway",
		"org.opencontainers.image.revision": from.revision,
		"org.opencontainers.image.created":  from.time.Format(time.RFC3339),
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, system, program); err != nil {
		return nil, err
	}
	whole, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	whole = whole.DeepCopy()
	whole.OS, whole.Architecture, whole.Config, whole.Created = "linux", architecture, config, v1.Time{Time: from.time}
	return mutate.ConfigFile(image, whole)
}

// compile returns the static binary, which depends on the commit, the version of Go
// and the architecture alone.
func compile(repository, architecture string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "awala-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "awala-gateway")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w -buildid=", "-o", out, "./cmd/awala-gateway")
	command.Dir = repository
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("go build for %s: %w", architecture, err)
	}
	return os.ReadFile(out)
}

// authorities returns Mozilla's list of authorities, of the version that go.mod pins,
// in PEM. Those that are trusted with reservations, which PEM cannot express, are left
// out.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			// Writing to memory does not fail.
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return b.Bytes()
}

// entry is a file or folder of a layer.
type entry struct {
	tar.Header
	content []byte
}

func file(path string, mode int64, content []byte) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path, "/"), Mode: mode, Size: int64(len(content))}, content}
}

func folder(path string, mode int64, owner int) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(path, "/") + "/", Mode: mode, Uid: owner, Gid: owner}, nil}
}

func layerOf(at time.Time, entries ...entry) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.ModTime, e.Format = at, tar.FormatPAX
		if err := w.WriteHeader(&e.Header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
