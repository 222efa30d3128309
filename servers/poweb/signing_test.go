package poweb_test

import (
	"crypto"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/servers/internal/servertest"
	server "awala.network/gateway/servers/poweb"
)

// slowIdentity has a key that signs when it is told to.
type slowIdentity struct {
	server.Identity
	key slowKey
}

func (i slowIdentity) Key() crypto.Signer { return i.key }

type slowKey struct {
	crypto.Signer
	asked, sign chan struct{}
}

func (k slowKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.asked <- struct{}{}
	<-k.sign
	return k.Signer.Sign(random, digest, opts)
}

func TestFloodOfRegistrationsLeavesProcessorsToOthers(t *testing.T) {
	const tooMany = 5
	most := max(1, runtime.GOMAXPROCS(0)/2)
	world := servertest.New(t)
	slow := slowKey{world.Identity.Key(), make(chan struct{}, most+tooMany+1), make(chan struct{})}
	g := serve(t, world, func(c *server.Config) { c.Identity = slowIdentity{c.Identity, slow} })
	g.server.SetTiming(func(t *server.Timing) { t.SetTurn(50 * time.Millisecond) })
	public := &servertest.NewKey(t).PublicKey
	answers := make(chan int)
	for range most + tooMany {
		go func() {
			_, err := g.PreRegister(t.Context(), public)
			answers <- powebclient.Status(err)
		}()
	}
	for range tooMany {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("out of turn: status %d", status)
		}
	}
	for range most {
		<-slow.asked
	}
	if len(slow.asked) > 0 {
		t.Errorf("%d more signatures were being made at once", len(slow.asked))
	}
	close(slow.sign)
	for range most {
		if status := <-answers; status != 0 {
			t.Errorf("in turn: status %d", status)
		}
	}
	if _, err := g.PreRegister(t.Context(), public); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
