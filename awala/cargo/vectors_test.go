package cargo_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

// readIDs reads the node ids that the JavaScript library computed.
func readIDs(tb testing.TB) map[string]string {
	tb.Helper()
	var ids map[string]string
	if err := json.Unmarshal(vectors.Read(tb, "js/ids.json"), &ids); err != nil {
		tb.Fatal(err)
	}
	return ids
}

// nodeID computes the id of one of the nodes of a stack.
func nodeID(tb testing.TB, stack, node string) string {
	tb.Helper()
	return fmt.Sprintf("0%x", sha256.Sum256(vectors.Read(tb, stack+"/key-rsa-"+node+".spki")))
}

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}
