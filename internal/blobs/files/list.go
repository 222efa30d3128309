package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"awala.network/gateway/internal/blobs"
)

// List implements blobs.Store, one folder in memory for each level, and a page of
// rows. Files and folders that cannot be of this store's making are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blobs.Info, error] {
	return func(yield func(blobs.Info, error) bool) {
		all := s.walk(prefix)
		if s.together != nil {
			all = merged(s.together.walk(ctx, prefix), all)
		}
		for info, err := range all {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(blobs.Info{}, fmt.Errorf("list blobs under %q: %w", prefix, err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// merged yields what is in both, in order. If a key is in both, a's counts.
func merged(a, b iter.Seq2[blobs.Info, error]) iter.Seq2[blobs.Info, error] {
	return func(yield func(blobs.Info, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		other, err, more := next()
		before := func(key string) bool { // yields what b has before a key; false if that is all
			for more && (err != nil || key == "" || other.Key < key) {
				if !yield(other, err) {
					return false
				}
				other, err, more = next()
			}
			if more && other.Key == key {
				other, err, more = next()
			}
			return true
		}
		for info, err := range a {
			if err == nil && !before(info.Key) || !yield(info, err) {
				return
			}
		}
		before("")
	}
}

// walk yields the files under prefix in order; the first error is the last item.
func (s *Store) walk(prefix string) iter.Seq2[blobs.Info, error] {
	return func(yield func(blobs.Info, error) bool) {
		w := walker{store: s, prefix: prefix, yield: yield}
		w.folder("")
	}
}

type walker struct {
	store  *Store
	prefix string
	yield  func(blobs.Info, error) bool
}

// node is an entry of a folder: an object, or a folder of objects, whose key
// ends with a slash. Sorted by key, an object "a" thus comes before a folder
// "a/", and everything in that folder where the folder is.
type node struct {
	key   string
	entry fs.DirEntry
}

// folder yields what is in the folder with the given key, "" or ending with a
// slash. It returns false when the iteration is over.
func (w *walker) folder(key string) bool {
	entries, err := w.store.fs.ReadDir(filepath.Join(w.store.objects, filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) && key != "" {
		return true // pruned meanwhile
	}
	if err != nil {
		w.yield(blobs.Info{}, err)
		return false
	}
	for _, n := range w.nodes(key, entries) {
		if n.entry.IsDir() {
			if !w.folder(n.key) {
				return false
			}
		} else if !w.object(n) {
			return false
		}
	}
	return true
}

// nodes returns those entries that can lead to the prefix, in order.
func (w *walker) nodes(parent string, entries []fs.DirEntry) []node {
	nodes := make([]node, 0, len(entries))
	for _, e := range entries {
		name, isObject := strings.CutSuffix(e.Name(), suffix)
		key := parent + name
		if blobs.CheckKey(key) != nil || isObject == e.IsDir() {
			continue
		}
		if e.IsDir() {
			key += "/"
		}
		if strings.HasPrefix(key, w.prefix) || e.IsDir() && strings.HasPrefix(w.prefix, key) {
			nodes = append(nodes, node{key, e})
		}
	}
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.key, b.key) })
	return nodes
}

func (w *walker) object(n node) bool {
	info, err := n.entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true // deleted meanwhile
	}
	if err != nil {
		w.yield(blobs.Info{}, err)
		return false
	}
	return w.yield(blobs.Info{
		Key:      n.key,
		Size:     max(0, info.Size()-headerLen),
		StoredAt: info.ModTime().UTC(),
	}, nil)
}
