package takeover

import (
	"testing"

	"awala.network/gateway/handlers"
)

// FuzzParseJob reads messages of internet-parcels.
func FuzzParseJob(f *testing.F) {
	f.Add([]byte(`{"parcelId":"a","parcelObjectKey":"0a/0b/0c/d","deliveryAttempts":0}`))
	f.Add([]byte(`{"parcelObjectKey":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := parseJob(data)
		if (err == nil) != (j.ObjectKey != "") && err == nil {
			t.Errorf("parseJob(%q) = %+v", data, j)
		}
	})
}

// FuzzFormerParcelKey reads keys of objects.
func FuzzFormerParcelKey(f *testing.F) {
	f.Add("parcels/gateway-bound/0aa/0bb/0cc/d")
	f.Fuzz(func(t *testing.T, key string) {
		k, err := handlers.ParseFormerParcelKey(key, handlers.FormerGatewayBound)
		if err != nil {
			return
		}
		if again := handlers.FormerGatewayBound + k.GatewayID + "/" + k.First + "/" + k.Second + "/" + k.ParcelIDSHA256; again != key {
			t.Errorf("%q is read as %q", key, again)
		}
	})
}
