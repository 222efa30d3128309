package main

import (
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/nats-io/nats-server/v2/server"

	"awala.network/gateway/events"
)

// natsUser is what permissions.conf lets one NATS user do.
type natsUser struct{ publish, subscribe []string }

// natsUsers reads permissions.conf as the NATS server does.
func natsUsers(t *testing.T) map[string]natsUser {
	t.Helper()
	parsed, err := conf.Parse(string(readDeployment(t, "nats", "permissions.conf")))
	if err != nil {
		t.Fatal(err)
	}
	users := make(map[string]natsUser)
	for name, permissions := range parsed {
		users[name] = natsUser{allowed(permissions, "publish"), allowed(permissions, "subscribe")}
	}
	return users
}

func allowed(permissions any, direction string) (subjects []string) {
	of, _ := permissions.(map[string]any)
	in, _ := of[direction].(map[string]any)
	list, _ := in["allow"].([]any)
	for _, subject := range list {
		subjects = append(subjects, subject.(string))
	}
	return subjects
}

// may tells whether one of the patterns takes in all of a subject, which may have
// wildcards.
func may(patterns []string, subject string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return server.SubjectMatchesFilter(subject, pattern) })
}

// TestNATSPermissions has the roles record whatever a stream takes, and nobody else.
func TestNATSPermissions(t *testing.T) {
	users := natsUsers(t)
	roles, makers := users["ROLES"], users["INIT"]
	for _, stream := range events.Streams() {
		for _, subject := range stream.Subjects {
			if !may(roles.publish, subject) {
				t.Errorf("roles may not record %s", subject)
			}
		}
		for _, call := range []string{"DELETE", "PURGE", "UPDATE", "CREATE", "MSG.DELETE"} {
			subject := "$JS.API.STREAM." + call + "." + stream.Name
			if may(roles.publish, subject) {
				t.Errorf("roles may send %s", subject)
			}
			if want := call == "CREATE" || call == "UPDATE"; may(makers.publish, subject) != want {
				t.Errorf("init may send %s: %v", subject, !want)
			}
		}
	}
}
