package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v2"
)

// suite is a file of rule tests: the part of promtool's format that we use.
type suite struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string         `yaml:"name"`
		Interval    model.Duration `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		AlertRuleTest []alertTest `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// alertTest wants exactly these alerts to fire at a time.
type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	AlertName string         `yaml:"alertname"`
	ExpAlerts []struct {
		ExpLabels map[string]string `yaml:"exp_labels"`
	} `yaml:"exp_alerts"`
}

func test(ctx context.Context, file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var s suite
	if err := yaml.UnmarshalStrict(content, &s); err != nil {
		return "", err
	}
	var errs []error
	n := 0
	for _, one := range s.Tests {
		var load strings.Builder
		fmt.Fprintf(&load, "load %s\n", one.Interval)
		for _, series := range one.InputSeries {
			fmt.Fprintf(&load, "  %s %s\n", series.Series, series.Values)
		}
		n += len(one.AlertRuleTest)
		if err := evaluate(ctx, filepath.Dir(file), s, load.String(), one.AlertRuleTest); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.Name, err))
		}
	}
	errs = append(errs, s.untested(filepath.Dir(file)))
	return fmt.Sprintf("%d tests, %d expectations", len(s.Tests), n), errors.Join(errs...)
}

// untested names the alerts that no test sees firing.
func (s suite) untested(dir string) error {
	fires := map[string]bool{}
	for _, one := range s.Tests {
		for _, t := range one.AlertRuleTest {
			fires[t.AlertName] = fires[t.AlertName] || len(t.ExpAlerts) > 0
		}
	}
	var errs []error
	for _, name := range s.RuleFiles {
		groups, all := rulefmt.ParseFile(filepath.Join(dir, name), false, model.UTF8Validation)
		if len(all) > 0 {
			return errors.Join(all...)
		}
		for _, g := range groups.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" && !fires[r.Alert] {
					errs = append(errs, fmt.Errorf("%s fires in no test", r.Alert))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// evaluate runs the rules over loaded samples, and compares what fires.
func evaluate(ctx context.Context, dir string, s suite, load string, tests []alertTest) error {
	loader, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		return err
	}
	defer loader.Close()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()), Appendable: loader.Storage(),
		Context: ctx, NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler),
	})
	files := make([]string, len(s.RuleFiles))
	for i, f := range s.RuleFiles {
		files[i] = filepath.Join(dir, f)
	}
	groups, errs := manager.LoadGroups(time.Duration(s.EvaluationInterval), labels.EmptyLabels(), "", nil, false, files...)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	var wrong []error
	last := time.Duration(slices.MaxFunc(tests, func(a, b alertTest) int { return int(a.EvalTime - b.EvalTime) }).EvalTime)
	for at := time.Duration(0); at <= last; at += time.Duration(s.EvaluationInterval) {
		now := time.Unix(0, 0).UTC().Add(at)
		loader.WithSamplesTill(now, func(err error) { wrong = append(wrong, err) })
		for _, g := range groups {
			g.Eval(ctx, now)
		}
		for _, t := range tests {
			if time.Duration(t.EvalTime) == at {
				wrong = append(wrong, compare(groups, t))
			}
		}
	}
	return errors.Join(wrong...)
}

func compare(groups map[string]*rules.Group, t alertTest) error {
	var fires, want []string
	for _, g := range groups {
		for _, r := range g.AlertingRules() {
			for _, a := range r.ActiveAlerts() {
				if r.Name() == t.AlertName && a.State == rules.StateFiring {
					labels := a.Labels.Map()
					delete(labels, "alertname")
					fires = append(fires, text(labels))
				}
			}
		}
	}
	for _, a := range t.ExpAlerts {
		want = append(want, text(a.ExpLabels))
	}
	slices.Sort(fires)
	slices.Sort(want)
	if !slices.Equal(fires, want) {
		return fmt.Errorf("%s at %s: fires %v, want %v", t.AlertName, t.EvalTime, fires, want)
	}
	return nil
}

func text(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%s=%q ", name, labels[name])
	}
	return "{" + strings.TrimSpace(b.String()) + "}"
}
