// Package interop lets the real Awala clients, as their makers publish them,
// judge a freshly started gateway.
//
// The clients are the Node.js packages pinned in clients/package-lock.json. The
// tests here build the awala-gateway binary, start it on a folder of its own
// and run each script of clients/ against it.
package interop
