// Command prometheus checks what we give to Prometheus and Grafana, with Prometheus's
// own parser, rule evaluation and test storage:
//
//	prometheus rules FILE         the rules parse
//	prometheus test FILE          rule tests, in a part of promtool's format
//	prometheus dashboard FILE...  the queries of Grafana dashboards parse
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: prometheus rules|test|dashboard FILE...")
	}
	checks := map[string]func(string) (string, error){
		"rules": parse, "dashboard": dashboard,
		"test": func(file string) (string, error) { return test(context.Background(), file) },
	}
	check := checks[args[0]]
	if check == nil {
		return fmt.Errorf("unknown command %q", args[0])
	}
	var errs []error
	for _, file := range args[1:] {
		said, err := check(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		fmt.Printf("%s: %s\n", file, said)
	}
	return errors.Join(errs...)
}

func parse(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	groups, errs := rulefmt.Parse(content, false, model.UTF8Validation)
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	n := 0
	for _, g := range groups.Groups {
		n += len(g.Rules)
	}
	return fmt.Sprintf("%d rules", n), nil
}

// dashboard parses every "expr" with Grafana's variables filled in.
func dashboard(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var whole any
	if err := json.Unmarshal(content, &whole); err != nil {
		return "", err
	}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m", "$instance", ".*", "$role", ".*")
	var errs []error
	n := 0
	walk(whole, func(expr string) {
		n++
		if _, err := parser.ParseExpr(fill.Replace(expr)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", expr, err))
		}
	})
	return fmt.Sprintf("%d queries", n), errors.Join(errs...)
}

// walk visits every "expr" in a JSON value.
func walk(v any, visit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, ok := value.(string); ok && key == "expr" {
				visit(text)
			}
			walk(value, visit)
		}
	case []any:
		for _, value := range v {
			walk(value, visit)
		}
	}
}
