package poweb_test

import (
	"runtime"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/poweb"
)

func TestVerifyParcelDoesNotCopyTheParcel(t *testing.T) {
	key, signer := privateKey(t, "js/key-rsa-pgw.pkcs8"), certificate(t, "js/cert-pgw.der")
	gateway, parcel := trusting(t, "js/cert-igw-self.der"), make([]byte, 8<<20)
	var signature []byte
	allocated(t, "countersigning", func() (err error) {
		signature, err = poweb.CountersignParcel(parcel, key, signer)
		return err
	})
	allocated(t, "verifying", func() error {
		_, err := poweb.VerifyParcel(signature, parcel, gateway, vectors.Now)
		return err
	})
}

// allocated fails the test if do fails or allocates anything like a parcel.
func allocated(t *testing.T, what string, do func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := do()
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if octets := after.TotalAlloc - before.TotalAlloc; octets > 1<<20 {
		t.Errorf("%s allocated %d octets", what, octets)
	}
}
