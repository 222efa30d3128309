package files

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/durable"
)

// usage counts the octets of stored files against a limit, and looks at the
// room on the disk.
type usage struct {
	fs      durable.FS
	root    string
	max     int64  // 0: no limit
	minFree uint64 // 0: no limit

	used atomic.Int64
}

// reserve takes n octets, or fails with blobs.ErrFull. Give back with release
// what is not kept.
func (u *usage) reserve(n int64) error {
	if used := u.used.Add(n); u.max > 0 && used > u.max {
		u.used.Add(-n)
		return fmt.Errorf("%w: %d of %d octets used", blobs.ErrFull, used-n, u.max)
	}
	if err := u.checkFree(n); err != nil {
		u.used.Add(-n)
		return err
	}
	return nil
}

func (u *usage) release(n int64) { u.used.Add(-n) }

func (u *usage) checkFree(n int64) error {
	if u.minFree == 0 {
		return nil
	}
	free, err := u.fs.Free(u.root)
	if err != nil {
		return err
	}
	if free < u.minFree+uint64(n) {
		return fmt.Errorf("%w: %d octets free on the disk, %d to be kept free", blobs.ErrFull, free, u.minFree)
	}
	return nil
}

// full marks the errors of a disk or quota without room with blobs.ErrFull. It
// is for failures that left nothing behind.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", blobs.ErrFull, err)
	}
	return err
}
