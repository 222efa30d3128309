package config

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestCheckTakeover(t *testing.T) {
	full := []string{
		"AWALA_FROM_MONGO=mongodb://a", "AWALA_FROM_MONGO_DATABASE=gw", "AWALA_FROM_VAULT_TOKEN=t", "AWALA_FROM_S3=http://s3.example",
		"AWALA_FROM_S3_BUCKET=old", "AWALA_FROM_S3_ACCESS_KEY=a", "AWALA_FROM_S3_SECRET_KEY=s", "AWALA_FROM_STAN=nats://h:4222",
		"AWALA_CLUSTER=stan",
	}
	tests := map[string]struct {
		more   []string
		remote bool
		want   string
	}{
		"everything":        {},
		"remote":            {[]string{"AWALA_S3_BUCKET=new"}, true, ""},
		"no cluster":        {[]string{"AWALA_CLUSTER="}, false, "--cluster"},
		"no token":          {[]string{"AWALA_FROM_VAULT_TOKEN="}, false, "--from-vault-token"},
		"no URL":            {[]string{"AWALA_FROM_STAN=h"}, false, "--from-stan"},
		"the same bucket":   {[]string{"AWALA_S3_ENDPOINT=http://s3.example", "AWALA_S3_BUCKET=old"}, true, "--s3-bucket"},
		"the same database": {[]string{"AWALA_MONGODB_URI=mongodb://a", "AWALA_MONGODB_DATABASE=gw"}, true, "--mongodb-database"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Load(Sources{Environ: append(full[:len(full):len(full)], tc.more...)})
			if err != nil {
				t.Fatal(err)
			}
			err = c.CheckTakeover(tc.remote)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("CheckTakeover() = %v, want %q", err, tc.want)
			}
		})
	}
}

// TestRunningLeavesOutTheTakeover keeps the settings of a takeover away from others.
func TestRunningLeavesOutTheTakeover(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	RegisterFlags(flags, new(Config).Running()...)
	if flags.Lookup("from-mongo") != nil || flags.Lookup("vault-token") == nil || flags.Lookup("log-level") == nil {
		t.Error("the wrong sections")
	}
}
