package registration

import (
	"fmt"
	"strings"

	"awala.network/gateway/awala/ramf"
)

// checkAddress tells whether address is a domain name that the validators of
// both client libraries accept: stricter than what RAMF messages may hold, since
// the one for the JVM refuses underscores, trailing dots and top-level domains
// that are not letters only, unless they are internationalised ones.
func checkAddress(address string) error {
	topLevel := strings.ToLower(address[strings.LastIndexByte(address, '.')+1:])
	letters := strings.Trim(topLevel, "abcdefghijklmnopqrstuvwxyz") == ""
	switch {
	case !ramf.ValidInternetAddress(address), strings.HasSuffix(address, "."), strings.Contains(address, "_"):
	case strings.HasPrefix(topLevel, "xn--"), letters && 2 <= len(topLevel) && len(topLevel) <= 24:
		return nil
	}
	return fmt.Errorf("%w: Internet address is no domain name that every client accepts", ErrMalformed)
}
