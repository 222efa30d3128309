package cogrpc

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

// TLSFromFiles returns the TLS configuration of a server whose certificate chain and
// private key are in two PEM files. When they change, which is looked for at new
// connections, the new ones are used; if those cannot be read, the old ones stay.
func TLSFromFiles(certificate, key string, logger *slog.Logger) (*tls.Config, error) {
	f := &certificateFiles{certificate: certificate, key: key, logger: logger}
	if err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: f.get}, nil
}

type certificateFiles struct {
	certificate, key string
	logger           *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // the latest modification of what is loaded
	looked  time.Time
}

// load reads the files if they are newer than what is loaded.
func (f *certificateFiles) load() error {
	var changed time.Time
	for _, name := range []string{f.certificate, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("cogrpc: TLS certificate: %w", err)
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
		return fmt.Errorf("cogrpc: TLS certificate: %w", err)
	}
	f.loaded, f.changed = &pair, changed
	return nil
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
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
