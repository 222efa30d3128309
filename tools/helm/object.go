package main

import (
	"fmt"
	"maps"
	"slices"
)

// object is one object that the chart makes.
type object map[string]any

func (o object) kind() string    { return text(o, "kind") }
func (o object) version() string { return text(o, "apiVersion") }
func (o object) name() string    { return text(o, "metadata", "name") }
func (o object) title() string   { return o.kind() + " " + o.name() }

func kinds(objects []object) int {
	all := map[string]bool{}
	for _, o := range objects {
		all[o.kind()] = true
	}
	return len(all)
}

// at returns what is under a path of keys, or nil.
func at(v any, path ...string) any {
	for _, key := range path {
		switch m := v.(type) {
		case object:
			v = m[key]
		case map[string]any:
			v = m[key]
		default:
			return nil
		}
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

func list(v any, path ...string) []any {
	l, _ := at(v, path...).([]any)
	return l
}

func labels(v any, path ...string) map[string]any {
	l, _ := at(v, path...).(map[string]any)
	return l
}

// selects tells whether a selector, which is not empty, takes in labels.
func selects(selector, labels map[string]any) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

// pod is the template of pods of one Deployment or Job.
type pod struct {
	of     object
	labels map[string]any
	spec   any
	ports  map[any]bool // by name and by number
}

// inventory is what objects can name.
type inventory struct {
	names map[string]bool // kind and name
	pods  []pod
	all   []object
}

func take(objects []object) *inventory {
	i := &inventory{names: map[string]bool{}, all: objects}
	for _, o := range objects {
		if i.names[o.title()] {
			panic("two objects are called " + o.title())
		}
		i.names[o.title()] = true
		template := at(o, "spec", "template")
		if template == nil {
			continue
		}
		p := pod{of: o, labels: labels(template, "metadata", "labels"), spec: at(template, "spec"), ports: map[any]bool{}}
		for _, c := range list(p.spec, "containers") {
			for _, port := range list(c, "ports") {
				p.ports[at(port, "name")], p.ports[at(port, "containerPort")] = true, true
			}
		}
		i.pods = append(i.pods, p)
	}
	return i
}

// relations tells what objects name or select that is not there.
func relations(objects []object) (errs []error) {
	i := take(objects)
	for _, o := range objects {
		errs = append(errs, i.selectors(o)...)
		errs = append(errs, i.references(o)...)
	}
	return errs
}

// selectors looks for the pods, and their ports, that an object selects.
func (i *inventory) selectors(o object) (errs []error) {
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", o.title(), fmt.Sprintf(format, args...)))
	}
	var selector map[string]any
	var ports []any
	switch o.kind() {
	case "Service":
		selector = labels(o, "spec", "selector")
		for _, p := range list(o, "spec", "ports") {
			ports = append(ports, at(p, "targetPort"))
		}
	case "NetworkPolicy":
		selector = labels(o, "spec", "podSelector", "matchLabels")
		for _, rule := range list(o, "spec", "ingress") {
			for _, p := range list(rule, "ports") {
				ports = append(ports, at(p, "port"))
			}
		}
	case "Deployment", "PodDisruptionBudget":
		selector = labels(o, "spec", "selector", "matchLabels")
	default:
		return nil
	}
	found := 0
	for _, p := range i.pods {
		if p.of.kind() != "Deployment" || !selects(selector, p.labels) {
			continue
		}
		found++
		for _, port := range ports {
			if !p.ports[port] {
				fail("%s has no port %v", p.of.title(), port)
			}
		}
	}
	if found == 0 {
		fail("no pod has the labels %v", selector)
	}
	return errs
}

// references looks for the objects that an object names.
func (i *inventory) references(o object) (errs []error) {
	want := func(title string) {
		if !i.names[title] {
			errs = append(errs, fmt.Errorf("%s: there is no %s", o.title(), title))
		}
	}
	switch o.kind() {
	case "HorizontalPodAutoscaler", "ScaledObject":
		want("Deployment " + text(o, "spec", "scaleTargetRef", "name"))
	case "Ingress":
		for _, rule := range list(o, "spec", "rules") {
			for _, path := range list(rule, "http", "paths") {
				want("Service " + text(path, "backend", "service", "name"))
			}
		}
	case "ServiceMonitor":
		errs = append(errs, i.monitored(o)...)
	case "Deployment":
		if account := text(o, "spec", "template", "spec", "serviceAccountName"); account != "default" {
			want("ServiceAccount " + account)
		}
	}
	for _, volume := range list(o, "spec", "template", "spec", "volumes") {
		// The authorities are the operator's own.
		if name := text(volume, "configMap", "name"); name != "" && text(volume, "name") != "ca" {
			want("ConfigMap " + name)
		}
	}
	return errs
}

// monitored looks for the service that a ServiceMonitor selects, and its ports.
func (i *inventory) monitored(monitor object) []error {
	selector := labels(monitor, "spec", "selector", "matchLabels")
	for _, o := range i.all {
		if o.kind() != "Service" || !selects(selector, labels(o, "metadata", "labels")) {
			continue
		}
		names := map[any]bool{}
		for _, p := range list(o, "spec", "ports") {
			names[at(p, "name")] = true
		}
		for _, endpoint := range list(monitor, "spec", "endpoints") {
			if port := at(endpoint, "port"); !names[port] {
				return []error{fmt.Errorf("%s: %s has no port %v", monitor.title(), o.title(), port)}
			}
		}
		return nil
	}
	return []error{fmt.Errorf("%s: no service has the labels %v", monitor.title(), slices.Sorted(maps.Keys(selector)))}
}
