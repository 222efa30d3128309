package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// lookInterval is how often Run looks whether the token was replaced or must be
	// renewed.
	lookInterval = 5 * time.Second
	// loginPause is how long a login is not repeated after Vault denied its token:
	// then the policy is wrong, not the token.
	loginPause = 2 * time.Second
)

// AppRole is how a program logs in to Vault by itself.
type AppRole struct {
	// Mount is the path of the authentication method; "" means "approle".
	Mount string
	// RoleID names the role. SecretID returns its secret id, which may change; nil is
	// for a role without.
	RoleID   string
	SecretID func() (string, error)
}

// grant is a token as its source gave it.
type grant struct {
	token string
	// life is how long it lasts; 0 is for ever, or not known.
	life time.Duration
}

// session is the token that requests carry: where it comes from, and until when it is
// good.
type session struct {
	client  *api.Client
	fetch   func(context.Context) (grant, error) // from the source
	logsIn  bool                                 // fetch makes a new token each time
	timeout time.Duration
	logger  *slog.Logger

	mu    sync.RWMutex // guards token
	token string

	upkeep  sync.Mutex // held while Vault or the source is asked; guards what follows
	fetched time.Time
	life    time.Duration // what the token was granted when it was new
	renewAt time.Time     // zero: not yet known
}

func newSession(client *api.Client, o Options, timeout time.Duration) *session {
	s := &session{client: client, timeout: timeout, logger: o.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if o.AppRole != nil {
		s.logsIn, s.fetch = true, o.AppRole.login(client)
		return s
	}
	s.fetch = func(context.Context) (grant, error) {
		token, err := o.Token()
		return grant{token: token}, err
	}
	return s
}

// login returns what logs in as the role.
func (a AppRole) login(client *api.Client) func(context.Context) (grant, error) {
	path := "auth/approle/login"
	if a.Mount != "" {
		path = "auth/" + a.Mount + "/login"
	}
	return func(ctx context.Context) (grant, error) {
		credentials := map[string]any{"role_id": a.RoleID}
		if a.SecretID != nil {
			secretID, err := a.SecretID()
			if err != nil {
				return grant{}, err
			}
			credentials["secret_id"] = secretID
		}
		anonymous, err := client.Clone()
		if err != nil {
			return grant{}, err
		}
		anonymous.ClearToken()
		secret, err := anonymous.Logical().WriteWithContext(ctx, path, credentials)
		if err != nil {
			return grant{}, explainLogin(err)
		}
		if secret == nil || secret.Auth == nil {
			return grant{}, errors.New("the answer has no token")
		}
		return grant{secret.Auth.ClientToken, time.Duration(secret.Auth.LeaseDuration) * time.Second}, nil
	}
}

// explainLogin adds what a refusal of role id and secret id means.
func explainLogin(err error) error {
	var response *api.ResponseError
	if errors.As(err, &response) && response.StatusCode == http.StatusBadRequest {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	return explain(err)
}

// held returns the token, or "" if none was fetched yet.
func (s *session) held() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.token
}

// current returns the token, after it was fetched if there is none.
func (s *session) current(ctx context.Context) (string, error) {
	if token := s.held(); token != "" {
		return token, nil
	}
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.held() == "" {
		if err := s.take(ctx); err != nil {
			return "", err
		}
	}
	return s.held(), nil
}

// replace fetches another token than the one that was denied, and tells whether there
// is one.
func (s *session) replace(ctx context.Context, denied string) bool {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.held() != denied {
		return true
	}
	if s.logsIn && time.Since(s.fetched) < loginPause {
		return false
	}
	if err := s.take(ctx); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "no new token for Vault", slog.Any("error", err))
		return false
	}
	return s.held() != denied
}

// take fetches a token from the source. The caller holds upkeep.
func (s *session) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	g, err := s.fetch(ctx)
	if err != nil {
		return fmt.Errorf("vault: get a token: %w", err)
	}
	s.fetched = time.Now()
	if g.token == s.held() {
		return nil
	}
	if s.held() != "" {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "new token for Vault")
	}
	s.life, s.renewAt = g.life, time.Time{}
	if g.life > 0 {
		s.renewAt = s.fetched.Add(renewAfter(g.life))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = g.token
	s.client.SetToken(g.token)
	return nil
}

// renewAfter is when in its life a token is renewed, spread so that the roles of a
// gateway do not do it all at once.
func renewAfter(life time.Duration) time.Duration { return life/2 + rand.N(life/6+1) }

// keep looks after the token until ctx ends.
func (s *session) keep(ctx context.Context) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look takes a token that was put in the place of ours, and renews ours when it is
// time to.
func (s *session) look(ctx context.Context) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.held() == "" || !s.logsIn {
		if err := s.take(ctx); err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "no token for Vault", slog.Any("error", err))
		}
	}
	if s.held() == "" || time.Now().Before(s.renewAt) {
		return
	}
	if err := s.renew(ctx); err != nil && ctx.Err() == nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "token for Vault not renewed; trying again", slog.Any("error", err))
	}
}

// renew makes the token last longer, or gets another if it cannot. The caller holds
// upkeep.
func (s *session) renew(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	secret, err := s.client.Auth().Token().RenewSelfWithContext(asking, 0)
	var response *api.ResponseError
	switch {
	case errors.As(err, &response) && response.StatusCode == http.StatusBadRequest && s.logsIn: // cannot be renewed
		return s.take(ctx)
	case errors.As(err, &response) && response.StatusCode == http.StatusBadRequest:
		return s.settle(asking)
	case errors.As(err, &response) && response.StatusCode == http.StatusForbidden:
		return errors.Join(explain(err), s.take(ctx))
	case err != nil:
		return explain(err)
	case secret == nil || secret.Auth == nil:
		return errors.New("the answer has no token")
	}
	left := time.Duration(secret.Auth.LeaseDuration) * time.Second
	if s.logsIn && left < s.life*9/10 { // the most that its role allows
		return s.take(ctx)
	}
	s.life = max(s.life, left)
	s.renewAt = time.Now().Add(renewAfter(left))
	return nil
}

// settle notes that the token cannot be renewed, and says until when it lasts.
func (s *session) settle(ctx context.Context) error {
	secret, err := s.client.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		return explain(err)
	}
	life, err := secret.TokenTTL()
	if err != nil {
		return err
	}
	s.renewAt = time.Now().Add(max(life/2, time.Minute))
	if life > 0 {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "the token for Vault cannot be renewed: put another into its file before it ends",
			slog.Duration("life", life))
	}
	return nil
}
