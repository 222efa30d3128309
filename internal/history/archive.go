package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// ErrArchive says that a file is not an archive, or is damaged.
var ErrArchive = fault.Permanent(errors.New("history: bad archive"))

// Archive is a history in a file. It is read anew for each question, from its
// beginning, and never held in memory.
type Archive struct {
	path     string
	header   Header
	manifest Manifest
	// found are the files as they are, which Damage compares with the manifest.
	found       []File
	checkpoints map[string][]byte
	// leaves are the hashes of the stream that Tile was asked for last.
	leaves struct {
		stream string
		hashes []tlog.Hash
	}
}

var _ Source = (*Archive)(nil)

// OpenArchive reads the archive once, to its end. A file that is not what the
// manifest says is no error here: see [Archive.Damage].
func OpenArchive(name string) (*Archive, error) {
	a := &Archive{path: name, checkpoints: make(map[string][]byte)}
	for e, err := range a.entries() {
		if err != nil {
			return nil, err
		}
		if err := a.take(e); err != nil {
			return nil, err
		}
	}
	if a.header.Format == "" || a.manifest.Files == nil {
		return nil, fmt.Errorf("%w: %s has no %s or no %s", ErrArchive, name, nameHeader, nameManifest)
	}
	return a, nil
}

// take notes an entry.
func (a *Archive) take(e entry) error {
	var into any
	switch {
	case len(a.found) == 0 && e.name != nameHeader:
		return fmt.Errorf("%w: %s does not begin with %s", ErrArchive, a.path, nameHeader)
	case e.name == nameHeader:
		into = &a.header
	case e.name == nameManifest:
		into = &a.manifest
	case e.file == nameCheckpoint:
		a.checkpoints[e.stream] = e.body
	}
	if into != nil {
		if err := json.Unmarshal(e.body, into); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrArchive, e.name, err)
		}
	}
	if e.name == nameHeader && a.header.Format != archiveFormat {
		return fmt.Errorf("%w: it has the format %q, not %q", ErrArchive, a.header.Format, archiveFormat)
	}
	if e.name != nameManifest {
		a.found = append(a.found, fileOf(e.name, e.body))
	}
	return nil
}

// Header returns who made the archive, as it claims.
func (a *Archive) Header() Header { return a.header }

// Streams returns what the manifest says of those streams that are there.
func (a *Archive) Streams(context.Context) ([]Stream, error) { return a.manifest.Streams, nil }

// Messages reads the archive, once for each stream. The order is that of every
// source. A query cannot follow an archive.
func (a *Archive) Messages(_ context.Context, q Query) iter.Seq2[events.Message, error] {
	if q.Follow {
		return failing(fmt.Errorf("%w: it cannot be followed", ErrArchive))
	}
	var sequences []sequence
	for _, s := range a.manifest.Streams {
		if q.wants(s.Name) {
			f := q.Filter
			if tail := uint64(q.Tail); tail > 0 && s.Last > tail {
				f.From = max(f.From, s.Last-tail+1)
			}
			sequences = append(sequences, filtered(a.stream(s.Name, false), f))
		}
	}
	if len(sequences) == 0 {
		return failing(fmt.Errorf("%w: the archive has none of %q", ErrNoStream, q.Streams))
	}
	return limit(merge(sequences), q.Limit)
}

// Audited yields a stream for evidence.Audit: a line that cannot be read comes as a
// message that is not what was signed for, at the sequence where it stands.
func (a *Archive) Audited(stream string) iter.Seq2[events.Message, error] {
	return a.stream(stream, true)
}

func (a *Archive) stream(stream string, tolerant bool) sequence {
	return func(yield func(events.Message, error) bool) {
		last := uint64(0)
		var known map[string]string
		for e, err := range a.files(stream, folderNames, folderEvents) {
			if err == nil && e.folder == folderNames {
				known = nil
				if err = json.Unmarshal(e.body, &known); err == nil {
					continue
				}
				err = fmt.Errorf("%w: %s: %w", ErrArchive, e.name, err)
			}
			if err != nil {
				yield(events.Message{}, err)
				return
			}
			for text := range bytes.Lines(e.body) {
				m, err := parseArchived(stream, text)
				if err != nil && tolerant {
					m, err = events.Message{Stream: stream, Sequence: last + 1, Body: text}, nil
				}
				last, m.Names = m.Sequence, known
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
	}
}

// parseArchived reads a line of an archive, which holds nothing that evidence does
// not cover.
func parseArchived(stream string, text []byte) (events.Message, error) {
	m, err := ParseLine(bytes.TrimSuffix(text, []byte{'\n'}))
	if err == nil && (m.Stream != stream || !m.StoredAt.IsZero() || m.Names != nil) {
		err = fmt.Errorf("%w: it does not belong in an archive of %s", ErrLine, stream)
	}
	return m, err
}

// Leaves yields the hashes of a stream's events.
func (a *Archive) Leaves(stream string) iter.Seq2[tlog.Hash, error] {
	return func(yield func(tlog.Hash, error) bool) {
		for e, err := range a.files(stream, folderHashes) {
			if err == nil && len(e.body)%tlog.HashSize != 0 {
				err = fmt.Errorf("%w: %s", ErrArchive, e.name)
			}
			if err != nil {
				yield(tlog.Hash{}, err)
				return
			}
			for hash := range slices.Chunk(e.body, tlog.HashSize) {
				if !yield(tlog.Hash(hash), nil) {
					return
				}
			}
		}
	}
}

// Key returns the key that the archive claims to be signed with.
func (a *Archive) Key(context.Context) (string, error) { return a.header.Key, nil }

// Checkpoint returns the one checkpoint that the archive has of the stream.
func (a *Archive) Checkpoint(_ context.Context, stream string, size int64) ([]byte, error) {
	text, ok := a.checkpoints[stream]
	if !ok {
		return nil, fmt.Errorf("checkpoint of %s: %w", stream, blobs.ErrNotFound)
	}
	if size == 0 {
		return text, nil
	}
	unsigned, _, _ := strings.Cut(string(text), "\n\n")
	if c, err := evidence.ParseCheckpoint(unsigned + "\n"); err != nil || c.Size != size {
		return nil, fmt.Errorf("checkpoint of %s at %d: %w", stream, size, blobs.ErrNotFound)
	}
	return text, nil
}

// Tile makes a tile from the hashes, which it keeps for the next tile. Unlike the
// other methods it is not for concurrent use.
func (a *Archive) Tile(ctx context.Context, stream string, t tlog.Tile) ([]byte, error) {
	if a.leaves.stream != stream {
		a.leaves.stream, a.leaves.hashes = "", nil
		for hash, err := range a.Leaves(stream) {
			if err != nil {
				return nil, err
			}
			a.leaves.hashes = append(a.leaves.hashes, hash)
		}
		a.leaves.stream = stream
	}
	return evidence.LeafTiles(a.leaves.hashes)(ctx, t)
}

func failing(err error) sequence {
	return func(yield func(events.Message, error) bool) { yield(events.Message{}, err) }
}
