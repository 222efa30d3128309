package history

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// Sizes of the files in an archive: about so many octets of events, and so many
// hashes.
const (
	eventsFileLen  = 1 << 20
	hashesFileSize = 1 << 16
)

// Export says what to export.
type Export struct {
	Source Source
	// Streams are what to export; none is all. Each is exported up to its newest
	// checkpoint.
	Streams []string
	// Reveal writes what is sealed beside the events, so that whoever has the archive
	// can read it, also when it is forgotten later.
	Reveal bool
	// By names the exporting program, At is now.
	By string
	At time.Time
	// Progress, if not nil, is told after each file how many events were written.
	Progress func(stream string, events uint64)
}

// Write writes the archive. What the source holds is not audited, only that its
// checkpoints are signed with its key.
func (e Export) Write(ctx context.Context, w io.Writer) error {
	key, err := e.Source.Key(ctx)
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return fault.Permanent(fmt.Errorf("key %q: %w", key, err))
	}
	streams, err := e.Source.Streams(ctx)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(w)
	a := &archiveWriter{export: e, verifier: v, files: tar.NewWriter(zipped)}
	a.manifest.Roots = make(map[string]tlog.Hash)
	header := Header{Format: archiveFormat, Gateway: v.Name(), Key: key, ExportedAt: e.At.UTC(), ExportedBy: e.By, Revealed: e.Reveal}
	if err := a.json(nameHeader, header); err != nil {
		return err
	}
	wanted := Filter{Streams: e.Streams}
	for _, s := range streams {
		if !wanted.wants(s.Name) {
			continue
		}
		if err := a.stream(ctx, s); err != nil {
			return fmt.Errorf("export %s: %w", s.Name, err)
		}
	}
	return a.close(zipped)
}

type archiveWriter struct {
	export   Export
	verifier note.Verifier
	files    *tar.Writer
	manifest Manifest
}

// stream writes the checkpoint, the hashes and the events of a stream.
func (a *archiveWriter) stream(ctx context.Context, s Stream) error {
	text, err := a.export.Source.Checkpoint(ctx, s.Name, 0)
	if err != nil {
		return err
	}
	c, err := evidence.OpenCheckpoint(text, a.verifier)
	if err != nil {
		return err
	}
	if err := a.file(s.Name+"/"+nameCheckpoint, text); err != nil {
		return err
	}
	tiles := evidence.Tiles(func(ctx context.Context, t tlog.Tile) ([]byte, error) { return a.export.Source.Tile(ctx, s.Name, t) })
	if err := a.hashes(s.Name, tiles.Leaves(ctx, c.Size)); err != nil {
		return err
	}
	// What is said of the stream is said of what the archive holds of it.
	first := s.First
	s.First, s.Last, s.Messages, s.Bytes, s.Checkpoint = min(first, uint64(c.Size)+1), uint64(c.Size), 0, 0, c.Size
	s.FirstAt, s.LastAt = time.Time{}, time.Time{}
	if err := a.events(ctx, &s); err != nil {
		return err
	}
	a.manifest.Streams = append(a.manifest.Streams, s)
	a.manifest.Roots[s.Name] = c.Root
	return nil
}

func (a *archiveWriter) hashes(stream string, leaves iter.Seq2[tlog.Hash, error]) error {
	var body []byte
	first := uint64(1)
	flush := func() error {
		err := a.file(stream+"/"+folderHashes+"/"+sequenceName(first), body)
		first += uint64(len(body) / tlog.HashSize)
		body = body[:0]
		return err
	}
	for hash, err := range leaves {
		if err != nil {
			return err
		}
		if body = append(body, hash[:]...); len(body) == hashesFileSize*tlog.HashSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(body) == 0 {
		return nil
	}
	return flush()
}

// events writes the events up to the checkpoint, and notes in s what they are.
func (a *archiveWriter) events(ctx context.Context, s *Stream) error {
	if s.Checkpoint == 0 {
		return nil
	}
	var body bytes.Buffer
	first, known := uint64(0), map[string]string{}
	flush := func() error {
		if len(known) > 0 {
			if err := a.json(s.Name+"/"+folderNames+"/"+sequenceName(first)+suffixNames, known); err != nil {
				return err
			}
			clear(known)
		}
		err := a.file(s.Name+"/"+folderEvents+"/"+sequenceName(first)+suffixEvents, body.Bytes())
		body.Reset()
		if a.export.Progress != nil {
			a.export.Progress(s.Name, s.Messages)
		}
		return err
	}
	query := Query{Filter: Filter{Streams: []string{s.Name}, To: s.Last}, Sealed: !a.export.Reveal}
	var text []byte
	for m, err := range a.export.Source.Messages(ctx, query) {
		if err != nil {
			return err
		}
		a.note(s, m)
		if body.Len() == 0 {
			first = m.Sequence
		}
		maps.Copy(known, m.Names)
		m.StoredAt, m.Names = time.Time{}, nil // evidence does not cover them
		if text, err = AppendLine(text[:0], m); err != nil {
			return err
		}
		body.Write(append(text, '\n'))
		if body.Len() >= eventsFileLen {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if body.Len() == 0 {
		return nil
	}
	return flush()
}

// note takes a message into the description of its stream.
func (a *archiveWriter) note(s *Stream, m message) {
	at := Time(m)
	if s.Messages == 0 {
		s.First, s.FirstAt = m.Sequence, at
	}
	s.LastAt = at
	s.Messages++
}

func (a *archiveWriter) json(name string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.file(name, append(body, '\n'))
}

func (a *archiveWriter) file(name string, body []byte) error {
	err := a.files.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644, ModTime: a.export.At, Format: tar.FormatPAX,
	})
	if err == nil {
		_, err = a.files.Write(body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.manifest.Files = append(a.manifest.Files, fileOf(name, body))
	return nil
}

func (a *archiveWriter) close(zipped io.Closer) error {
	if err := a.json(nameManifest, a.manifest); err != nil {
		return err
	}
	if err := a.files.Close(); err != nil {
		return err
	}
	return zipped.Close()
}
