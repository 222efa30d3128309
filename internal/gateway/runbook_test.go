package gateway

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestRunbookLinks wants a section for each alert, which names the alert.
func TestRunbookLinks(t *testing.T) {
	alerts, err := os.ReadFile("../../deployments/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	runbook, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for section := range strings.SplitSeq(string(runbook), "\n## ") {
		title, text, _ := strings.Cut(section, "\n")
		sections[strings.ReplaceAll(strings.ToLower(title), " ", "-")] = text
	}
	links := regexp.MustCompile(`(?s)- alert: (\w+).*?runbook_url: docs/operations\.md#(\S+)`).FindAllStringSubmatch(string(alerts), -1)
	for _, link := range links {
		if !strings.Contains(sections[link[2]], link[1]) {
			t.Errorf("section %q does not tell of %s", link[2], link[1])
		}
	}
	if n := strings.Count(string(alerts), "- alert:"); len(links) != n || n == 0 {
		t.Errorf("%d alerts, %d links", n, len(links))
	}
	for _, link := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(string(runbook), -1) {
		if _, ok := sections[link[1]]; !ok {
			t.Errorf("there is no section %q", link[1])
		}
	}
}
