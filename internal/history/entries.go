package history

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// entry is a file in the archive.
type entry struct {
	name string
	// stream, folder and file are the parts of the name of a file of a stream.
	stream, folder, file string
	body                 []byte
}

// files yields those in some folders of a stream.
func (a *Archive) files(stream string, folders ...string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for e, err := range a.entries() {
			if (err != nil || e.stream == stream && slices.Contains(folders, e.folder)) && !yield(e, err) {
				return
			}
		}
	}
}

// entries yields every file in the archive.
func (a *Archive) entries() iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		file, err := os.Open(a.path)
		if err != nil {
			yield(entry{}, err)
			return
		}
		defer func() { _ = file.Close() }()
		for e, err := range readEntries(file) {
			if err != nil {
				err = fmt.Errorf("%w: %s: %w", ErrArchive, a.path, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// readEntries yields the files of a gzip'd tar. The first error ends it.
func readEntries(r io.Reader) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		unzipped, err := gzip.NewReader(bufio.NewReader(r))
		if err != nil {
			yield(entry{}, err)
			return
		}
		files := tar.NewReader(unzipped)
		after := "the beginning"
		for range maxEntries {
			e, err := readEntry(files)
			if errors.Is(err, io.EOF) {
				_, err = io.Copy(io.Discard, unzipped) // its checksum is at the end
				if err != nil {
					yield(entry{}, fmt.Errorf("after %s: %w", after, err))
				}
				return
			}
			if err != nil {
				yield(entry{}, fmt.Errorf("after %s: %w", after, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			after = e.name
		}
		yield(entry{}, fmt.Errorf("more than %d files", maxEntries))
	}
}

func readEntry(files *tar.Reader) (entry, error) {
	h, err := files.Next()
	if err != nil {
		return entry{}, err
	}
	for h.Typeflag == tar.TypeDir { // tar makes them
		if h, err = files.Next(); err != nil {
			return entry{}, err
		}
	}
	name := strings.TrimPrefix(h.Name, "./")
	if h.Typeflag != tar.TypeReg || h.Size > maxEntryLen || path.Clean(name) != name {
		return entry{}, fmt.Errorf("%q is not a file of ours", h.Name)
	}
	body, err := io.ReadAll(files)
	if err != nil {
		return entry{}, fmt.Errorf("%s: %w", name, err)
	}
	e := entry{name: name, body: body}
	switch parts := strings.Split(name, "/"); len(parts) {
	case 2:
		e.stream, e.file = parts[0], parts[1]
	case 3:
		e.stream, e.folder, e.file = parts[0], parts[1], parts[2]
	}
	return e, nil
}

// sequenceName is how files that begin at a sequence are called, so that they sort.
func sequenceName(sequence uint64) string {
	s := strconv.FormatUint(sequence, 10)
	return strings.Repeat("0", 20-len(s)) + s
}
