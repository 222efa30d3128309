// Package vault keeps secrets in a KV v2 secrets engine of HashiCorp Vault (or
// OpenBao, which has the same API).
//
// A record is a secret's "data"; fields that are not strings are passed over.
// Deleting a record deletes all its versions, because a deleted key must not
// linger; that takes the "delete" capability on <mount>/metadata/*, listing
// takes "list" there, and the rest "read", "create" and "update" on
// <mount>/data/*.
//
// The token is renewed while Run runs. When Vault denies it, a new one is asked of its
// source - the file that something else has written, or a login as an AppRole - and
// the request is made once more; so a token that has ended is a fault that heals
// without a restart.
package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"awala.network/gateway/internal/keystore"
)

// DefaultMount is where the reference implementation keeps its keys.
const DefaultMount = "gw-keys"

// DefaultTimeout is that of the reference implementation.
const DefaultTimeout = 3 * time.Second

// Options say where the records are. Vault's own environment variables
// (VAULT_CACERT, VAULT_NAMESPACE and so on) are honoured for what has no option.
type Options struct {
	// Address is the server's URL.
	Address string
	// Token returns the token that authenticates every request. It is asked again and
	// again, because something else may have made a new one.
	Token func() (string, error)
	// AppRole, if not nil, logs in; then Token is not used.
	AppRole *AppRole
	// Mount is the path of the KV v2 engine; "" means DefaultMount. Unlike the
	// reference, which drops the first slash within, it is used as it is.
	Mount string
	// Folder is a path within the engine that all records are under; "" is its
	// root, where the reference keeps them.
	Folder string
	// Timeout bounds every request; 0 means DefaultTimeout.
	Timeout time.Duration
	// CAFile, and CertFile with KeyFile, are PEM files: of the authorities to trust in
	// place of the system's, and of the certificate to show.
	CAFile, CertFile, KeyFile string
	// Transport carries the requests; nil means Vault's own default. The files above
	// do not change it.
	Transport http.RoundTripper
	// Logger is told of tokens that could not be renewed; nil discards.
	Logger *slog.Logger
}

// Secrets is a keystore.Secrets. Make one with New.
type Secrets struct {
	client  *api.Client
	session *session
	http    *http.Client
	mount   string
	folder  string // "" or ending with a slash
	timeout time.Duration
}

var _ keystore.Secrets = (*Secrets)(nil)

// New returns the secrets of a server, without asking it anything.
func New(o Options) (*Secrets, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, fmt.Errorf("vault: %w", config.Error)
	}
	config.Address = o.Address
	config.MaxRetries = 0 // callers decide; a sealed server would be waited for
	tls := api.TLSConfig{CACert: o.CAFile, ClientCert: o.CertFile, ClientKey: o.KeyFile}
	if err := config.ConfigureTLS(&tls); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if o.Transport != nil {
		config.HttpClient.Transport = o.Transport
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	client.ClearToken() // it may have one of the environment
	s := &Secrets{client: client, http: config.HttpClient, mount: strings.Trim(o.Mount, "/"), timeout: o.Timeout}
	if s.mount == "" {
		s.mount = DefaultMount
	}
	if folder := strings.Trim(o.Folder, "/"); folder != "" {
		s.folder = folder + "/"
	}
	if s.timeout == 0 {
		s.timeout = DefaultTimeout
	}
	s.session = newSession(client, o, s.timeout)
	return s, nil
}

// Run renews the token, and takes the one that comes after it, until ctx ends.
func (s *Secrets) Run(ctx context.Context) error {
	s.session.keep(ctx)
	return nil
}

// do makes a request within the timeout. If Vault denies the token, it makes the
// request once more with another, if there is one.
func (s *Secrets) do(ctx context.Context, request func(context.Context) error) error {
	token, err := s.session.current(ctx)
	if err != nil {
		return err
	}
	err = s.once(ctx, request)
	if errors.Is(err, ErrDenied) && s.session.replace(ctx, token) {
		err = s.once(ctx, request)
	}
	return err
}

func (s *Secrets) once(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return explain(request(ctx))
}

// Close drops idle connections.
func (s *Secrets) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Get implements keystore.Secrets. A record whose latest version is deleted or
// destroyed is not found.
func (s *Secrets) Get(ctx context.Context, path string) (keystore.Record, error) {
	if err := keystore.CheckPath(path); err != nil {
		return nil, err
	}
	secret, err := s.read(ctx, s.data(path), nil)
	if err != nil {
		return nil, fmt.Errorf("vault: read %s: %w", path, err)
	}
	data, ok := secret.Data["data"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("vault: read %s: %w: not a secret of KV v2", path, keystore.ErrCorrupt)
	}
	r := make(keystore.Record, len(data))
	for name, value := range data {
		if text, ok := value.(string); ok {
			r[name] = text
		}
	}
	return r, nil
}

// Put implements keystore.Secrets.
func (s *Secrets) Put(ctx context.Context, path string, r keystore.Record) error {
	return s.write(ctx, path, r, map[string]any{"data": r})
}

// Create implements keystore.Secrets: a write on the condition that there is no
// version yet.
func (s *Secrets) Create(ctx context.Context, path string, r keystore.Record) error {
	err := s.write(ctx, path, r, map[string]any{"data": r, "options": map[string]any{"cas": 0}})
	if isMismatch(err) {
		return fmt.Errorf("%w: %w", keystore.ErrExists, err)
	}
	return err
}

func (s *Secrets) write(ctx context.Context, path string, r keystore.Record, body map[string]any) error {
	if err := keystore.CheckRecord(path, r); err != nil {
		return err
	}
	err := s.do(ctx, func(ctx context.Context) error {
		_, err := s.client.Logical().WriteWithContext(ctx, s.data(path), body)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: write %s: %w", path, err)
	}
	return nil
}

// Delete implements keystore.Secrets. It removes the metadata and with them every
// version.
func (s *Secrets) Delete(ctx context.Context, path string) error {
	if err := keystore.CheckPath(path); err != nil {
		return err
	}
	err := s.do(ctx, func(ctx context.Context) error {
		_, err := s.client.Logical().DeleteWithContext(ctx, s.metadata(path))
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: delete %s: %w", path, err)
	}
	return nil
}

// List implements keystore.Secrets. Records whose latest version somebody else
// has soft-deleted are listed, too, because Vault lists them.
func (s *Secrets) List(ctx context.Context, prefix string) ([]string, error) {
	secret, err := s.read(ctx, s.metadata(""), map[string][]string{"list": {"true"}})
	if errors.Is(err, keystore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: list: %w", err)
	}
	keys, _ := secret.Data["keys"].([]any)
	var paths []string
	for _, key := range keys {
		path, _ := key.(string)
		if strings.HasPrefix(path, prefix) && keystore.CheckPath(path) == nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

func (s *Secrets) data(path string) string     { return s.mount + "/data/" + s.folder + path }
func (s *Secrets) metadata(path string) string { return s.mount + "/metadata/" + s.folder + path }

// read gets what is at an API path. It does not use the client's reading
// methods, to which every 404 means that there is no secret, even that of a
// mount that is not there: a wrong setting must not make keys look lost.
func (s *Secrets) read(ctx context.Context, path string, query map[string][]string) (*api.Secret, error) {
	var secret *api.Secret
	err := s.do(ctx, func(ctx context.Context) error {
		response, err := s.client.Logical().ReadRawWithDataWithContext(ctx, path, query)
		if isMissing(err) {
			return keystore.ErrNotFound
		}
		if err != nil {
			return err
		}
		secret, err = api.ParseSecret(response.Body)
		return errors.Join(err, response.Body.Close())
	})
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return secret, nil
}
