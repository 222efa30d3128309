package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// readConfig returns the configuration of the image that the last stage of a
// Containerfile describes, so that both ways of building it give the same.
func readConfig(file string) (v1.Config, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return v1.Config{}, err
	}
	text := strings.ReplaceAll(string(content), "\\\n", " ")
	var c v1.Config
	for line := range strings.Lines(text) {
		instruction, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := apply(&c, instruction, strings.TrimSpace(value)); err != nil {
			return v1.Config{}, fmt.Errorf("%s: %s: %w", file, instruction, err)
		}
	}
	return c, nil
}

// apply takes over one instruction. Those that make files are this program's affair.
func apply(c *v1.Config, instruction, value string) error {
	switch instruction {
	case "FROM": // another stage
		*c = v1.Config{Env: []string{"PATH=/"}, ExposedPorts: map[string]struct{}{}, Volumes: map[string]struct{}{}}
	case "USER":
		c.User = value
	case "STOPSIGNAL":
		c.StopSignal = value
	case "ENV":
		c.Env = append(c.Env, strings.Fields(value)...)
	case "EXPOSE":
		for port := range strings.FieldsSeq(value) {
			c.ExposedPorts[port+"/tcp"] = struct{}{}
		}
	case "VOLUME":
		c.Volumes[value] = struct{}{}
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(value), &c.Entrypoint)
	case "CMD":
		return json.Unmarshal([]byte(value), &c.Cmd)
	case "HEALTHCHECK":
		health, err := healthcheck(value)
		c.Healthcheck = health
		return err
	case "", "#", "COPY", "RUN", "WORKDIR", "ARG":
	default:
		if !strings.HasPrefix(instruction, "#") {
			return fmt.Errorf("not understood")
		}
	}
	return nil
}

func healthcheck(value string) (*v1.HealthConfig, error) {
	options, command, _ := strings.Cut(value, "CMD ")
	h := new(v1.HealthConfig)
	for option := range strings.FieldsSeq(options) {
		name, text, _ := strings.Cut(option, "=")
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, err
		}
		switch name {
		case "--interval":
			h.Interval = d
		case "--timeout":
			h.Timeout = d
		case "--start-period":
			h.StartPeriod = d
		default:
			return nil, fmt.Errorf("%s is not understood", name)
		}
	}
	var args []string
	err := json.Unmarshal([]byte(command), &args)
	h.Test = append([]string{"CMD"}, args...)
	return h, err
}
