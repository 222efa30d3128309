package poweb

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/coder/websocket"

	"awala.network/gateway/awala/poweb"
)

// challengeLen is the length of a handshake nonce in octets.
const challengeLen = 16

var errHandshakeTimeout = errors.New("no handshake response in time")

// open makes sure that the client may collect, and for whom.
func (c *collection) open(origin string) error {
	if origin != "" {
		return &ending{code: websocket.StatusPolicyViolation, reason: "browsers are not served", slow: true}
	}
	nonce := make([]byte, challengeLen)
	rand.Read(nonce) // never fails; see the package's documentation
	challenge, err := poweb.Challenge{Nonce: nonce}.Marshal()
	if err != nil {
		return c.failure(err)
	}
	if err := c.link.send(c.link.hard, challenge); err != nil {
		return c.gone(err)
	}
	ctx, cancel := context.WithTimeoutCause(c.link.ctx, c.timing.handshake, errHandshakeTimeout)
	defer cancel()
	response, err := c.link.receive(ctx)
	switch {
	case errors.Is(err, errHandshakeTimeout):
		return &ending{code: websocket.StatusUnsupportedData, reason: errHandshakeTimeout.Error()}
	case err != nil:
		return err
	}
	c.link.conn.SetReadLimit(maxAcknowledgement)
	return c.authenticate(response, nonce)
}

// authenticate verifies the handshake response: every signature must be good, and
// the client gets the parcels of all the signers.
func (c *collection) authenticate(response, nonce []byte) error {
	refuse := func(err error) error {
		return &ending{code: websocket.StatusUnsupportedData, reason: "invalid handshake response", err: err, slow: true}
	}
	parsed, err := poweb.ParseResponse(response)
	if err != nil {
		return refuse(err)
	}
	validator, now := c.Identity.Validator(), c.now()
	for _, signature := range parsed.NonceSignatures {
		signer, err := poweb.VerifyNonce(signature, nonce, validator, now)
		if err != nil {
			return refuse(err)
		}
		if id := signer.SubjectID(); !slices.Contains(c.gateways, id) {
			c.gateways = append(c.gateways, id)
		}
	}
	return nil
}

// gone says why a write failed: why the link ended, if it did, because then that
// is what broke the write.
func (c *collection) gone(err error) error {
	if cause := context.Cause(c.link.ctx); cause != nil && !errors.Is(cause, errDraining) {
		return cause
	}
	return errors.Join(errGone, err)
}
