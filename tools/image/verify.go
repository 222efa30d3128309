package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// maxSize bounds an image, in octets as they are unpacked.
const maxSize = 128 << 20

// minAuthorities is the fewest that a useful list of authorities has.
const minAuthorities = 100

// verify looks at every image of an OCI layout: what is in it and how it is run.
func verify(folder string) error {
	images, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return err
	}
	if err := validate.Index(images); err != nil {
		return err
	}
	manifest, err := images.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range manifest.Manifests {
		image, err := images.Image(m.Digest)
		if err != nil {
			return err
		}
		said, err := verifyImage(image)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Platform, err)
		}
		fmt.Printf("%s %s: %s\n", m.Platform, m.Digest, said)
	}
	return nil
}

func verifyImage(image v1.Image) (string, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return "", err
	}
	files, size, err := unpack(image)
	if err != nil {
		return "", err
	}
	checks := []error{
		wantUser(config.Config), wantFiles(files), wantStatic(files[binaryPath].content, config.Architecture),
		wantAuthorities(files[rootsPath].content),
	}
	if size > maxSize {
		checks = append(checks, fmt.Errorf("%d octets are too many", size))
	}
	if err := errors.Join(checks...); err != nil {
		return "", err
	}
	version := "not run here"
	if config.Architecture == runtime.GOARCH {
		if version, err = runVersion(files[binaryPath].content); err != nil {
			return "", err
		}
		if !commit.MatchString(version) {
			return "", fmt.Errorf("the binary does not know its commit: %q", version)
		}
	}
	return fmt.Sprintf("%.1f MiB in %d files, %s", float64(size)/(1<<20), len(files), version), nil
}

// commit is one that a version ends with; Go adds +dirty when files were changed.
var commit = regexp.MustCompile(`[0-9a-f]{12}(\+dirty)?\b`)

// unpacked is a file of an image.
type unpacked struct {
	tar.Header
	content []byte
}

func unpack(image v1.Image) (files map[string]unpacked, size int64, err error) {
	files = make(map[string]unpacked)
	r := mutate.Extract(image)
	defer r.Close()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		content, err := io.ReadAll(t)
		if err != nil {
			return nil, 0, err
		}
		files[path.Join("/", h.Name)] = unpacked{*h, content}
		size += int64(len(content))
	}
}

// wantUser wants that the process is not root, and how it starts and stops.
func wantUser(c v1.Config) error {
	switch {
	case c.User != fmt.Sprintf("%d:%d", user, user):
		return fmt.Errorf("the user is %q", c.User)
	case len(c.Entrypoint) != 1 || c.Entrypoint[0] != binaryPath:
		return fmt.Errorf("the entry point is %q", c.Entrypoint)
	case c.StopSignal != "SIGTERM" || c.Healthcheck == nil:
		return errors.New("no stop signal or health check")
	default:
		return nil
	}
}

// wantFiles wants nothing but what we put there, writable by root alone, except the
// data.
func wantFiles(files map[string]unpacked) error {
	for name, f := range files {
		switch name {
		case "/etc", "/etc/ssl", "/etc/ssl/certs", rootsPath, binaryPath:
			if f.Uid != 0 || f.Mode&0o022 != 0 || f.Mode&0o7000 != 0 {
				return fmt.Errorf("%s has the owner %d and the mode %o", name, f.Uid, f.Mode)
			}
		case dataPath:
			if f.Uid != user || f.Gid != user || f.Mode != 0o700 {
				return fmt.Errorf("%s has the owner %d and the mode %o", name, f.Uid, f.Mode)
			}
		default:
			return fmt.Errorf("%s should not be there", name)
		}
	}
	if len(files) != 6 {
		return fmt.Errorf("%d files, not 6", len(files))
	}
	return nil
}

// wantStatic wants a binary that needs no loader and no libraries.
func wantStatic(binary []byte, architecture string) error {
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return err
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if f.Machine != machines[architecture] {
		return fmt.Errorf("the binary is for %s", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return errors.New("the binary is not static")
		}
	}
	return nil
}

func wantAuthorities(content []byte) error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(content)
	//lint:ignore SA1019 the pool is not the system's, of which this would know nothing
	if n := len(pool.Subjects()); n < minAuthorities {
		return fmt.Errorf("only %d authorities", n)
	}
	return nil
}

// runVersion runs the binary as it is in the image.
func runVersion(binary []byte) (string, error) {
	dir, err := os.MkdirTemp("", "awala-image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "awala-gateway")
	if err := os.WriteFile(file, binary, 0o700); err != nil {
		return "", err
	}
	command := exec.Command(file, "version")
	command.Env = []string{}
	said, err := command.Output()
	first, _, _ := strings.Cut(string(said), "\n")
	return first, err
}
