package files

import "database/sql"

// HookCommits lets a test run the commits of the database, or not. It must be called
// before anything is put.
func (s *Store) HookCommits(hook func(commit func() error) error) {
	commit := s.together.commit
	s.together.commit = func(tx *sql.Tx) error { return hook(func() error { return commit(tx) }) }
}

// Used returns how many octets are counted.
func (s *Store) Used() int64 { return s.usage.used.Load() }

// Synced tells whether each commit of the database is synced.
func (s *Store) Synced() bool {
	var level int
	err := s.together.writer.QueryRow("PRAGMA synchronous").Scan(&level)
	return err == nil && level >= 2 // FULL
}
