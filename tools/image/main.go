// Command image builds the container image without a container engine, and looks at
// what it built:
//
//	image build REPOSITORY OUT [ARCHITECTURE...]  an OCI layout in the folder OUT
//	image verify OUT                              contents, user, static binary, ...
//
// The image has what deployments/container/Containerfile describes. It is
// reproducible: one commit and one version of Go give the same digest anywhere. OUT is
// what skopeo, podman, crane and docker (since 25) read: `skopeo copy oci:OUT
// docker://REGISTRY/awala-gateway`.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "build":
		architectures := args[3:]
		if len(architectures) == 0 {
			architectures = []string{runtime.GOARCH}
		}
		return build(args[1], args[2], architectures)
	case len(args) == 2 && args[0] == "verify":
		return verify(args[1])
	default:
		return errors.New("usage: image build REPOSITORY OUT [ARCHITECTURE...] | image verify OUT")
	}
}
