package sqlite

import (
	"database/sql"
	"errors"
)

var errInjected = errors.New("injected fault")

// FailNext makes the next commit fail before or after it took effect. It must not
// be called while a write runs.
func (d *Database) FailNext(stored bool) {
	commit := d.commit
	d.commit = func(tx *sql.Tx) error {
		d.commit = commit
		if stored {
			return errors.Join(commit(tx), errInjected)
		}
		return errInjected
	}
}
