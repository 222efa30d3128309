package doctor

import "awala.network/gateway/internal/jetstream"

// Versions is what the doctor says of servers of those versions: no real server
// here is that old.
func Versions(versions ...string) Report {
	var servers []jetstream.ServerState
	for _, v := range versions {
		servers = append(servers, jetstream.ServerState{Name: "n" + v, Version: v})
	}
	var r Report
	examineVersions(&r, servers)
	return r
}
