package config_test

import (
	"fmt"
	"testing"

	"awala.network/gateway/internal/config"
)

func TestNetworks(t *testing.T) {
	src, _ := sources(t, "", []string{"--trusted-proxies=10.1.2.3/8, 192.0.2.7,2001:db8::1/32"}, []string{"AWALA_LIMIT_EXEMPT="})
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Limits.TrustedProxies.List()); got != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32]" {
		t.Errorf("trusted proxies: %s", got)
	}
	if got := c.Limits.Exempt.List(); len(got) != 0 {
		t.Errorf("exempt: %v", got)
	}
	if got := config.Default().Limits.Exempt.List(); len(got) != 9 || got[0].String() != "127.0.0.0/8" {
		t.Errorf("exempt by default: %v", got)
	}
}
