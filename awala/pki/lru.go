package pki

import (
	"container/list"
	"sync"
)

// lru is a bounded map that forgets first what was not used for longest. It is
// safe for concurrent use.
type lru[K comparable, V any] struct {
	mu      sync.Mutex
	max     int
	entries map[K]*list.Element
	order   list.List // of *lruEntry, the most recently used in front
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, entries: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	element, ok := l.entries[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(element)
	return element.Value.(*lruEntry[K, V]).value, true
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element, ok := l.entries[key]; ok {
		element.Value.(*lruEntry[K, V]).value = value
		l.order.MoveToFront(element)
		return
	}
	l.entries[key] = l.order.PushFront(&lruEntry[K, V]{key, value})
	for len(l.entries) > l.max {
		l.forget(l.order.Back())
	}
}

func (l *lru[K, V]) remove(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element, ok := l.entries[key]; ok {
		l.forget(element)
	}
}

func (l *lru[K, V]) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

func (l *lru[K, V]) forget(element *list.Element) {
	delete(l.entries, element.Value.(*lruEntry[K, V]).key)
	l.order.Remove(element)
}
