package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/telemetry"
)

func TestTextIsOneLineForPeople(t *testing.T) {
	var b bytes.Buffer
	logger := telemetry.NewLogger(&b, telemetry.Text, slog.LevelInfo)
	logger = logger.With("server", "poweb").WithGroup("peer")
	logger.Info("refused", "id", "0ab", "error", errors.New("no \x1b[31m way\nin"), "took", 1500*time.Microsecond)
	line := b.String()
	const want = `INFO  refused                              server=poweb peer.id=0ab peer.error="no \x1b[31m way\nin" peer.took=1.5ms` + "\n"
	if _, rest, _ := strings.Cut(line, " "); rest != want {
		t.Errorf("got  %q\nwant %q", rest, want)
	}
}

func TestMessagesCannotForgeRecords(t *testing.T) {
	var b bytes.Buffer
	telemetry.NewLogger(&b, telemetry.Text, slog.LevelInfo).Info("a\nb\x1b[2J", "k\n", "")
	if got := strings.Count(b.String(), "\n"); got != 1 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("got %q", b.String())
	}
}

func TestTextGroups(t *testing.T) {
	var b bytes.Buffer
	logger := telemetry.NewLogger(&b, telemetry.Text, slog.LevelInfo)
	logger.Info("m", slog.Group("a", slog.Int("b", 1), slog.Group("c", slog.Bool("d", true))), slog.Group("none"))
	if !strings.HasSuffix(b.String(), " a.b=1 a.c.d=true\n") {
		t.Errorf("got %q", b.String())
	}
}

func TestAutoWritesJSONElsewhere(t *testing.T) {
	var b bytes.Buffer
	telemetry.NewLogger(&b, telemetry.Auto, slog.LevelInfo).Warn("m", "parcel_id", "1")
	var record map[string]any
	if err := json.Unmarshal(b.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if record["level"] != "WARN" || record["msg"] != "m" || record["parcel_id"] != "1" || record["time"] == nil {
		t.Errorf("got %v", record)
	}
}

func TestLevelChangesAtRunTime(t *testing.T) {
	for _, format := range []telemetry.Format{telemetry.Text, telemetry.JSON} {
		var b bytes.Buffer
		level := new(slog.LevelVar)
		logger := telemetry.NewLogger(&b, format, level).With("a", 1)
		logger.Debug("unseen")
		if b.Len() != 0 {
			t.Errorf("format %d: debug record at level info: %s", format, b.String())
		}
		level.Set(slog.LevelDebug)
		logger.Debug("seen")
		if !strings.Contains(b.String(), "seen") {
			t.Errorf("format %d: no debug record at level debug", format)
		}
	}
}

func TestRegistryTellsVersionAndRole(t *testing.T) {
	families, err := telemetry.NewRegistry("v1", "poweb").Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "awala_gateway_info" {
			if labels := f.GetMetric()[0].GetLabel(); labels[0].GetValue() != "poweb" || labels[1].GetValue() != "v1" {
				t.Errorf("labels %v", labels)
			}
			return
		}
	}
	t.Error("no awala_gateway_info")
}
