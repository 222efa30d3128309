package gateway

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/names"
)

// services are the backing services that every role shares, embedded or remote.
type services struct {
	log       *jetstream.Log
	blobs     blobs.Store
	documents documents.Database
	keys      *keystore.Keys
	names     *names.Book
	secrets   keystore.Secrets // what keys rest on
	claims    handlers.Claims
	// leases are for what one process may do at a time; nil if there is only one.
	leases *jetstream.Claims
	// watch, unless it is nil, returns when the services can't be used any more.
	watch func(context.Context) error
	// checks ask each service whether it works, by its name in /readyz.
	checks []namedCheck
	// closers run in reverse order.
	closers []namedCloser
}

type namedCheck struct {
	name  string
	check admin.Check
}

type namedCloser struct {
	name  string
	close func(context.Context) error
}

// opened notes how to close what was opened.
func (s *services) opened(name string, closeIt func(context.Context) error) {
	s.closers = append(s.closers, namedCloser{name, closeIt})
}

// runs starts what a service needs done all the time, and notes how to end it.
func (s *services) runs(name string, body func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- body(ctx) }()
	s.opened(name, func(closing context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-closing.Done():
			return closing.Err()
		}
	})
}

// close closes everything, the last opened first.
func (s *services) close(ctx context.Context) error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", s.closers[i].name, err))
		}
	}
	s.closers = nil
	return errors.Join(errs...)
}

// closing is close for functions that cannot fail.
func closing(f func()) func(context.Context) error {
	return func(context.Context) error { f(); return nil }
}
