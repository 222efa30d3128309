package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// module is a version of a Go module that holds schemas, with its checksum.
type module struct{ path, version, sum string }

// Where the schemas come from. The modules are not compiled, only read.
var (
	ofKubernetes = module{"k8s.io/kubernetes", "v1.34.0", "h1:NvUrwPAVB4W3mSOpJ/RtNGHWWYyUP/xPaX5rUSpzA0w="}
	ofKEDA       = module{"github.com/kedacore/keda/v2", "v2.18.0", "h1:ttR223fii/4QJ0YvtrhcWHaEoezByb/t5CeFopjl6EI="}
	ofOperator   = module{"github.com/prometheus-operator/prometheus-operator", "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="}
)

// fetch returns the folder of a module, which it downloads if it is not there.
func (m module) fetch() (string, error) {
	command := exec.Command("go", "mod", "download", "-json", m.path+"@"+m.version)
	command.Dir = os.TempDir() // in no module of ours
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("download %s: %w", m.path, err)
	}
	var said struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &said); err != nil {
		return "", err
	}
	if said.Sum != m.sum {
		return "", fmt.Errorf("%s %s has the checksum %s, want %s", m.path, m.version, said.Sum, m.sum)
	}
	return said.Dir, nil
}

// schemas knows the schema of each kind of object.
type schemas struct {
	compiler *jsonschema.Compiler
	kinds    map[string]string // version and kind, to the schema's URL
	triggers string            // folder of KEDA's scalers
}

func loadSchemas() (*schemas, error) {
	s := &schemas{compiler: jsonschema.NewCompiler(), kinds: map[string]string{}}
	s.compiler.DefaultDraft(jsonschema.Draft4) // nearest to OpenAPI's
	for _, source := range []struct {
		module
		pattern string
		add     func(file string) error
	}{
		{ofKubernetes, "api/openapi-spec/v3/*__v?_openapi.json", s.addOpenAPI},
		{ofKEDA, "config/crd/bases/keda.sh_*.yaml", s.addDefinition},
		{ofOperator, "example/prometheus-operator-crd/*.yaml", s.addDefinition},
	} {
		dir, err := source.fetch()
		if err != nil {
			return nil, err
		}
		if source.module == ofKEDA {
			s.triggers = filepath.Join(dir, "pkg", "scalers")
		}
		files, err := filepath.Glob(filepath.Join(dir, source.pattern))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("%s has no %s: %w", source.path, source.pattern, err)
		}
		for _, file := range files {
			if err := source.add(file); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return s, nil
}

// words are the values of fields that Kubernetes' schemas tell in prose only, of those
// that the chart has.
var words = map[string][]any{
	"api.apps.v1.DeploymentStrategy type":                    {"RollingUpdate", "Recreate"},
	"api.autoscaling.v2.MetricSpec type":                     {"Resource", "ContainerResource", "Pods", "Object", "External"},
	"api.autoscaling.v2.MetricTarget type":                   {"Utilization", "Value", "AverageValue"},
	"api.core.v1.Container imagePullPolicy":                  {"Always", "IfNotPresent", "Never"},
	"api.core.v1.PodSpec restartPolicy":                      {"Always", "OnFailure", "Never"},
	"api.core.v1.SeccompProfile type":                        {"RuntimeDefault", "Localhost", "Unconfined"},
	"api.core.v1.ServiceSpec type":                           {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
	"api.core.v1.TopologySpreadConstraint whenUnsatisfiable": {"DoNotSchedule", "ScheduleAnyway"},
	"api.networking.v1.HTTPIngressPath pathType":             {"Exact", "Prefix", "ImplementationSpecific"},
}

// limit holds fields of a schema to the words that they may be.
func limit(name string, schema any) {
	for field, property := range labels(schema, "properties") {
		if allowed, ok := words[strings.TrimPrefix(name, "io.k8s.")+" "+field]; ok {
			property.(map[string]any)["enum"] = allowed
		}
	}
}

// addOpenAPI takes the kinds of one group of Kubernetes' own API.
func (s *schemas) addOpenAPI(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		return err
	}
	components := labels(document, "components", "schemas")
	url := "file:///" + filepath.Base(file)
	for name, schema := range components {
		strict(schema)
		limit(name, schema)
		for _, gvk := range list(schema, "x-kubernetes-group-version-kind") {
			version := strings.TrimPrefix(text(gvk, "group")+"/"+text(gvk, "version"), "/")
			s.kinds[version+" "+text(gvk, "kind")] = url + "#/components/schemas/" + name
		}
	}
	return s.compiler.AddResource(url, document)
}

// addDefinition takes the versions of a CustomResourceDefinition.
func (s *schemas) addDefinition(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var definition object
	if err := yaml.Unmarshal(content, &definition); err != nil {
		return err
	}
	for _, version := range list(definition, "spec", "versions") {
		schema := at(version, "schema", "openAPIV3Schema")
		strict(schema)
		url := "file:///" + filepath.Base(file) + "/" + text(version, "name")
		group := text(definition, "spec", "group") + "/" + text(version, "name")
		s.kinds[group+" "+text(definition, "spec", "names", "kind")] = url
		if err := s.compiler.AddResource(url, schema); err != nil {
			return err
		}
	}
	return nil
}

// strict closes every schema that lists properties to all others. What stands under
// anyOf and the like is left as it is: it only adds to what stands beside.
func strict(schema any) {
	m, ok := schema.(map[string]any)
	if !ok {
		return
	}
	properties := labels(m, "properties")
	if _, open := m["additionalProperties"]; !open && properties != nil && m["x-kubernetes-preserve-unknown-fields"] != true {
		m["additionalProperties"] = false
	}
	for _, p := range properties {
		strict(p)
	}
	strict(m["items"])
	strict(m["additionalProperties"])
}

func (s *schemas) validate(o object) error {
	url, ok := s.kinds[o.version()+" "+o.kind()]
	if !ok {
		return fmt.Errorf("no schema for %s of %s", o.kind(), o.version())
	}
	schema, err := s.compiler.Compile(url)
	if err != nil {
		return err
	}
	errs := []error{schema.Validate(map[string]any(o))}
	for _, trigger := range list(o, "spec", "triggers") {
		errs = append(errs, s.trigger(trigger))
	}
	return errors.Join(errs...)
}

// parameter is one in KEDA's source: its name, and what else is said of it.
var parameter = regexp.MustCompile("`keda:\"name=(\\w+)([^\"]*)\"`")

// trigger holds what a trigger of a ScaledObject says to what KEDA's scaler of that
// type takes. Its schema takes anything.
func (s *schemas) trigger(trigger any) error {
	kind := text(trigger, "type")
	source, err := os.ReadFile(filepath.Join(s.triggers, strings.ReplaceAll(kind, "-", "_")+"_scaler.go"))
	if err != nil {
		return fmt.Errorf("trigger %s: %w", kind, err)
	}
	given := labels(trigger, "metadata")
	var errs []error
	known := map[string]bool{}
	for _, m := range parameter.FindAllStringSubmatch(string(source), -1) {
		known[m[1]] = true
		needed := !strings.Contains(m[2], "optional") && !strings.Contains(m[2], "default=")
		if value, ok := given[m[1]]; needed && (!ok || value == "") {
			errs = append(errs, fmt.Errorf("trigger %s lacks %s", kind, m[1]))
		}
	}
	for name := range given {
		if !known[name] {
			errs = append(errs, fmt.Errorf("trigger %s knows no %s", kind, name))
		}
	}
	return errors.Join(errs...)
}
