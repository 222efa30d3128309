package gateway

import (
	"context"
	"errors"
	"time"
)

var errNoIdentity = errors.New("the gateway has no identity yet; try again when it is ready")

// rotateCertificate issues the next own certificate on an operator's demand. The
// ones before stay trusted until they expire.
func (a *assembly) rotateCertificate(ctx context.Context) (expiresAt time.Time, err error) {
	own := a.rotator.Load()
	if own == nil {
		return time.Time{}, errNoIdentity
	}
	if err := own.Rotate(ctx); err != nil {
		return time.Time{}, err
	}
	return own.Certificate().NotAfter(), nil
}
