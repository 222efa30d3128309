package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"awala.network/gateway/internal/config"
)

// document returns one of the documents in docs, without its blocks of code.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
}

// rows returns the cells of the rows of every table that has a heading.
func rows(text, heading string) (all [][]string) {
	_, text, _ = strings.Cut(text, "\n"+heading+"\n")
	text, _, _ = strings.Cut(text, "\n#")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			all = append(all, cells)
		}
	}
	return all
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestPermissionsDocumented holds docs/security.md to permissions.conf, subject by
// subject.
func TestPermissionsDocumented(t *testing.T) {
	documented := map[string]natsUser{}
	direction := ""
	for _, row := range rows(document(t, "security.md"), "### Permissions in NATS") {
		if len(row) != 4 || row[3] == "" {
			t.Fatalf("row %q", row)
		}
		if row[0] == "subject" {
			direction = map[string]string{"": "publish", "publish": "subscribe"}[direction]
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(row[0], -1) {
			holders := map[string]bool{"ROLES": row[1] == "yes", "INIT": row[2] == "yes", "SYSTEM": row[1]+row[2] == ""}
			if m[1] == "_INBOX.>" && direction == "subscribe" {
				holders["SYSTEM"] = true // it has answers, too
			}
			for name, has := range holders {
				u := documented[name]
				if has && direction == "publish" {
					u.publish = append(u.publish, m[1])
				} else if has {
					u.subscribe = append(u.subscribe, m[1])
				}
				documented[name] = u
			}
		}
	}
	for name, has := range natsUsers(t) {
		sameSet(t, name+" may publish", documented[name].publish, has.publish)
		sameSet(t, name+" may subscribe to", documented[name].subscribe, has.subscribe)
	}
}

// TestVaultPolicyDocumented holds docs/security.md to the policy, by capability.
func TestVaultPolicyDocumented(t *testing.T) {
	var documented, has []string
	for _, row := range rows(document(t, "security.md"), "### Vault's policy")[1:] {
		documented = append(documented, strings.Trim(row[0], "`")+" "+strings.Trim(row[1], "`"))
	}
	policy := string(readDeployment(t, "compose", "vault-policy.hcl"))
	for _, m := range regexp.MustCompile(`path "([^"]+)" \{\s+capabilities = \[([^\]]+)\]`).FindAllStringSubmatch(policy, -1) {
		for capability := range strings.SplitSeq(m[2], ", ") {
			has = append(has, m[1]+" "+strings.Trim(capability, `"`))
		}
	}
	sameSet(t, "Vault's policy has", documented, has)
}

func sameSet(t *testing.T, what string, documented, there []string) {
	t.Helper()
	slices.Sort(documented)
	slices.Sort(there)
	if !slices.Equal(documented, there) || len(there) == 0 {
		t.Errorf("%s %q, documented are %q", what, there, documented)
	}
}

// TestSecretsDocumented wants every secret setting in docs/security.md, and no setting
// that there is not.
func TestSecretsDocumented(t *testing.T) {
	text := document(t, "security.md")
	known := map[string]bool{}
	for _, o := range config.Options(new(config.Config)) {
		known[o.Name] = true
	}
	for name := range known {
		secret := known[name+"-file"] && !strings.HasPrefix(name, "from-")
		if secret && !strings.Contains(text, "`--"+name+"`") {
			t.Errorf("--%s is not told of", name)
		}
	}
	for _, m := range regexp.MustCompile("`--([a-z0-9-]+)`").FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("there is no setting --%s", m[1])
		}
	}
}
