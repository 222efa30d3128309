// Package certfiles makes the TLS configuration of servers whose certificate chain
// and private key are in two PEM files, and follows these files: whoever renews
// them need not restart the server. A pair that cannot be read never takes the place
// of one that could.
package certfiles

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// reloadInterval is how often the files of the TLS certificate are looked at.
const reloadInterval = time.Minute

// Server returns the TLS configuration of a server whose certificate chain and
// private key are in two PEM files. When they change, which is looked for at new
// connections, the new ones are used; if those cannot be read, the old ones stay.
//
// It is TLS 1.2 with forward secrecy and authenticated ciphers (RFC 9325 §4.2), or
// TLS 1.3.
func Server(certificate, key string, logger *slog.Logger) (*tls.Config, error) {
	f := &files{certificate: certificate, key: key, logger: logger}
	if err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: ciphers, GetCertificate: f.get}, nil
}

// ciphers are those of TLS 1.2; those of TLS 1.3 cannot be chosen.
var ciphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

type files struct {
	certificate, key string
	logger           *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // the latest modification of what is loaded
	looked  time.Time
}

// load reads the files if they are newer than what is loaded.
func (f *files) load() error {
	var changed time.Time
	for _, name := range []string{f.certificate, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("TLS certificate: %w", err)
		}
		if info.ModTime().After(changed) {
			changed = info.ModTime()
		}
	}
	f.looked = time.Now()
	if f.loaded != nil && changed.Equal(f.changed) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return fmt.Errorf("TLS certificate: %w", err)
	}
	f.loaded, f.changed = &pair, changed
	return nil
}

func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) >= reloadInterval {
		f.looked = time.Now()
		if err := f.load(); err != nil {
			f.logger.Error("TLS certificate not reloaded", slog.Any("error", err))
		}
	}
	return f.loaded, nil
}
