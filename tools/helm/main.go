// Command chart checks the Helm chart, as Helm and a Kubernetes server would:
//
//	chart DIR
//
// It lints the chart and renders it, as it is and with the values of each file in
// DIR/ci, with Helm's own packages. Every object is held to the schema that
// Kubernetes, KEDA or the Prometheus operator publishes for its kind, with no field
// beyond, and to the others: what one names or selects must be there. Values that
// the chart must refuse are tried too.
//
// The schemas come from the modules that pinned names, through the Go proxy.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// kubernetes is the version that the chart is rendered for.
var kubernetes = chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}

func main() {
	log.SetOutput(io.Discard) // Helm tells of each symbolic link
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart DIR")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(dir string) error {
	schemas, err := loadSchemas()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "ci", "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no values to try in ci", dir)
	}
	errs := []error{refusals(dir, files[0])}
	for _, file := range append([]string{""}, files...) {
		errs = append(errs, checkWith(dir, file, schemas))
	}
	return errors.Join(errs...)
}

// checkWith lints and renders the chart with the values of a file, or those that it
// has by itself.
func checkWith(dir, file string, schemas *schemas) error {
	values, name := chartutil.Values{}, "default values"
	if file != "" {
		name = filepath.Base(file)
		var err error
		if values, err = chartutil.ReadValuesFile(file); err != nil {
			return err
		}
	}
	var errs []error
	for _, m := range lint.AllWithKubeVersion(dir, values, "default", &kubernetes).Messages {
		if m.Severity > support.InfoSev {
			errs = append(errs, m)
		}
	}
	objects, err := render(dir, values)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, o := range objects {
		if err := schemas.validate(o); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", name, o.title(), err))
		}
	}
	for _, err := range relations(objects) {
		errs = append(errs, fmt.Errorf("%s: %w", name, err))
	}
	fmt.Printf("%s: %d objects of %d kinds\n", name, len(objects), kinds(objects))
	return errors.Join(errs...)
}

// render returns the objects that the chart makes of values.
func render(dir string, values chartutil.Values) (objects []object, err error) {
	chart, err := loader.Load(dir)
	if err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = kubernetes
	release := chartutil.ReleaseOptions{Name: "test", Namespace: "default", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, capabilities)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	for name, text := range rendered {
		if strings.HasSuffix(name, ".txt") {
			continue
		}
		for _, document := range releaseutil.SplitManifests(text) {
			var o object
			if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if len(o) > 0 {
				objects = append(objects, o)
			}
		}
	}
	slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.title(), b.title()) })
	return objects, nil
}

// refusals sees that the chart refuses what it does not know, and what contradicts
// itself.
func refusals(dir, everything string) error {
	var errs []error
	for _, wrong := range []string{
		`{"config": {"Bad_name": "1"}}`,
		`{"config": {"vault-token": "x"}}`, // secrets do not belong there
		`{"roles": {"poweb": {"replicaz": 1}}}`,
		`{"image": {"pullPolicy": "Often"}}`,
		`{"networkPolicies": {"enabled": true}}`,
		`{"roles": {"worker-cargo": {"autoscaling": {
			"keda": {"enabled": true}, "hpa": {"enabled": true, "min": 1, "max": 2, "cpu": 50}}}}}`,
	} {
		values, err := chartutil.ReadValues([]byte(wrong))
		if err == nil {
			var all chartutil.Values
			if all, err = chartutil.ReadValuesFile(everything); err == nil {
				_, err = render(dir, chartutil.CoalesceTables(values, all))
				if err == nil {
					errs = append(errs, fmt.Errorf("the chart takes %s", wrong))
				}
				continue
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
