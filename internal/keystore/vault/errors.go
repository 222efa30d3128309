package vault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"
)

// Errors that tell an operator what to do. They are transient: once it is done,
// the same call succeeds.
var (
	// ErrDenied says that the token is not accepted.
	ErrDenied = errors.New("vault denies access: the token has expired, or its policy does not allow this")
	// ErrLogin says that the role id or the secret id is not accepted.
	ErrLogin = errors.New("vault refuses the login: the role id is wrong, or the secret id is wrong or has ended")
	// ErrSealed says that Vault cannot be used until it is unsealed.
	ErrSealed = errors.New("vault is sealed or unavailable")
	// ErrMount says that there is no secrets engine where it was looked for.
	ErrMount = errors.New("vault has no KV v2 engine at this path")
)

// explain adds the meaning of an answer to the client's error.
func explain(err error) error {
	var response *api.ResponseError
	if !errors.As(err, &response) {
		return err
	}
	switch {
	case response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	case response.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %w", ErrSealed, err)
	case response.StatusCode == http.StatusNotFound && len(response.Errors) > 0:
		return fmt.Errorf("%w: %w", ErrMount, err)
	default:
		return err
	}
}

// isMissing tells the 404 for what is not there, which has no error messages,
// from the 404 for what nobody serves.
// isMismatch tells whether a condition on the version that there is was not met.
func isMismatch(err error) bool {
	var response *api.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusBadRequest &&
		slices.ContainsFunc(response.Errors, func(text string) bool { return strings.Contains(text, "check-and-set") })
}

func isMissing(err error) bool {
	var response *api.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound && len(response.Errors) == 0
}
