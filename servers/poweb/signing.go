package poweb

import (
	"context"
	"net/http"
	"runtime"

	"golang.org/x/sync/semaphore"

	"awala.network/gateway/servers/internal/web"
)

// newSigning bounds the signatures that strangers can have us make at the same
// time: an RSA signature costs far more than the request for it, and
// whoever floods us with registrations shall leave half of the processors to the
// parcels.
func newSigning() *semaphore.Weighted {
	return semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))
}

// signing calls do, which signs with the identity key, when it is its turn. A
// request that waits for too long is refused with 503.
func (s *Server) signing(ctx context.Context, do func() error) error {
	waiting, cancel := context.WithTimeout(ctx, s.timing.turn)
	defer cancel()
	if err := s.signatures.Acquire(waiting, 1); err != nil {
		return web.NewProblem(http.StatusServiceUnavailable, "too many registrations at once; try again later").Because(err)
	}
	defer s.signatures.Release(1)
	return do()
}
