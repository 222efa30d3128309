package jetstream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// ConflictError says that an existing stream differs from its specification in
// a way that Provision will not change, because history could be lost.
type ConflictError struct {
	Stream string
	// Setting is the name of the stream's setting, and Have and Want are what
	// it is and what the specification says.
	Setting    string
	Have, Want string
}

// Error returns the text of the error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("jetstream: stream %s: %s is %s and would become %s; change it by hand if that is meant",
		e.Stream, e.Setting, e.Have, e.Want)
}

// Provision makes each stream as specified, or brings an existing one there. It
// can be repeated. It adds subjects and replicas; it never takes any away, nor changes
// storage: that is a fatal [*ConflictError]. What a specification keeps for less time
// than before loses its oldest messages at once; [events.MinRetention] bounds that.
// Limits that an operator set by other means stay. A server that does not answer within
// [Options] Timeout is not waited for.
//
// History is refused rather than pushed out when a limit on size is reached:
// [Log.Append] fails then. Messages may be deleted and purged, so that an
// operator can forget what the law says must be forgotten.
func (l *Log) Provision(ctx context.Context, specs []events.StreamSpec) error {
	for _, spec := range specs {
		if err := l.provisionStream(ctx, spec); err != nil {
			return err
		}
		l.streams.Delete(spec.Name)
	}
	return nil
}

func (l *Log) provisionStream(ctx context.Context, spec events.StreamSpec) error {
	ctx, cancel := l.hurried(ctx)
	defer cancel()
	if spec.MaxAge != 0 && spec.MaxAge < events.MinRetention {
		return fault.Fatal(&ConflictError{
			Stream: spec.Name, Setting: "max_age", Have: events.MinRetention.String() + " at least", Want: spec.MaxAge.String(),
		})
	}
	existing, err := l.js.Stream(ctx, spec.Name)
	if errors.Is(err, natsjs.ErrStreamNotFound) {
		_, err := l.js.CreateStream(ctx, l.streamConfig(natsjs.StreamConfig{}, spec))
		return provisionError(spec.Name, err)
	}
	if err != nil {
		return provisionError(spec.Name, err)
	}
	have := existing.CachedInfo().Config
	want := l.streamConfig(have, spec)
	if err := checkGrowth(have, want); err != nil {
		return fault.Fatal(err)
	}
	if reflect.DeepEqual(have, want) { // then nobody needs the right to change it
		return nil
	}
	_, err = l.js.UpdateStream(ctx, want)
	return provisionError(spec.Name, err)
}

func provisionError(stream string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("jetstream: provision %s: %w", stream, err)
}

// streamConfig lays spec over what exists.
func (l *Log) streamConfig(c natsjs.StreamConfig, spec events.StreamSpec) natsjs.StreamConfig {
	c.Name = spec.Name
	c.Subjects = spec.Subjects
	c.Storage = natsjs.FileStorage
	c.Retention = natsjs.LimitsPolicy
	c.Discard = natsjs.DiscardNew
	c.PersistMode = natsjs.DefaultPersistMode
	c.Replicas = l.opts.Replicas
	c.MaxMsgSize = l.opts.MaxMessageSize
	c.MaxAge = spec.MaxAge
	c.Duplicates = spec.DuplicateWindow
	c.AllowDirect = true
	c.RePublish = nil
	if spec.Live {
		c.RePublish = &natsjs.RePublish{Source: ">", Destination: events.LivePrefix + ">"}
	}
	return c
}

// checkGrowth returns a [*ConflictError] unless nothing gets less.
func checkGrowth(have, want natsjs.StreamConfig) error {
	fail := func(setting string, h, w any) error {
		return &ConflictError{Stream: want.Name, Setting: setting, Have: fmt.Sprint(h), Want: fmt.Sprint(w)}
	}
	switch {
	case have.Storage != want.Storage:
		return fail("storage", have.Storage, want.Storage)
	case have.Retention != want.Retention:
		return fail("retention", have.Retention, want.Retention)
	case have.PersistMode != want.PersistMode:
		return fail("persist_mode", have.PersistMode, want.PersistMode)
	case !containsAll(want.Subjects, have.Subjects):
		return fail("subjects", have.Subjects, want.Subjects)
	case have.Duplicates > want.Duplicates:
		return fail("duplicate_window", have.Duplicates, want.Duplicates)
	case have.Replicas > want.Replicas:
		return fail("replicas", have.Replicas, want.Replicas)
	case have.RePublish != nil && want.RePublish == nil:
		return fail("republish", have.RePublish.Destination, "off")
	}
	return nil
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
