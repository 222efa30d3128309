package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"awala.network/gateway/internal/durable"
)

// ownCertificateFix says what renews the gateway's own certificate.
const ownCertificateFix = "run the housekeeping role (standalone has it), or: awala-gateway keys rotate-certificate"

// examineDataDir looks at the folder of a standalone gateway.
func examineDataDir(ctx context.Context, c *Case, r *Report) {
	const check = "data-dir"
	info, err := os.Stat(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		r.warning(check, "awala-gateway init, or the first start, makes it; if there was one, --data-dir is wrong", "there is no folder %s", c.DataDir)
		return
	}
	if err != nil {
		r.problem(check, "let the gateway's user read the folders above it", "%v", err)
		return
	}
	if !info.IsDir() {
		r.problem(check, "name a folder in --data-dir", "%s is not a folder", c.DataDir)
		return
	}
	examineOwner(c, r, info)
	if err := examineSecrets(c.DataDir, r); err != nil {
		r.problem("data-dir-keys", "run the doctor as the gateway's user", "%v", err)
	}
	examineDisk(c, r)
	examineFolderHistory(ctx, c, r)
}

func examineOwner(c *Case, r *Report, info fs.FileInfo) {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		r.problem("data-dir-mode", "chmod 700 "+c.DataDir, "others may enter %s (mode %04o), which holds private keys", c.DataDir, mode)
	} else {
		r.ok("data-dir-mode", "only its owner may enter %s", c.DataDir)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Getuid() {
		r.ok("data-dir-owner", "the folder is this user's")
		return
	}
	r.problem("data-dir-owner", fmt.Sprintf("run the gateway and the doctor as the owner, or: chown -R %d %s", os.Getuid(), c.DataDir),
		"the folder belongs to user %d, and this is user %d", stat.Uid, os.Getuid())
}

// examineSecrets looks for key files that others may read.
func examineSecrets(dir string, r *Report) error {
	keys := filepath.Join(dir, "keys")
	open := 0
	err := filepath.WalkDir(keys, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			open++
		}
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.warning("data-dir-keys", "nothing before the first start; later, restore "+keys+" from the backup: without it nothing else can be read",
			"there are no private keys in %s", dir)
		return nil
	case err != nil:
		return err
	case open > 0:
		r.problem("data-dir-keys", "chmod -R go= "+keys, "%d files and folders of private keys can be read by others", open)
	default:
		r.ok("data-dir-keys", "nobody else may read the private keys")
	}
	return nil
}

// Magic numbers of file systems (Linux, statfs(2)).
const (
	tmpfs = 0x01021994
	ramfs = 0x858458f6
	nfs   = 0x6969
)

// examineDisk looks at the file system.
func examineDisk(c *Case, r *Report) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(c.DataDir, &stat); err != nil {
		r.warning("disk", "look at the file system of --data-dir", "the file system does not tell how it is: %v", err)
		return
	}
	switch uint32(stat.Type) {
	case tmpfs, ramfs:
		r.problem("disk-kind", "put --data-dir on a disk", "%s is in memory: a restart of the machine loses every parcel and the identity", c.DataDir)
	case nfs:
		r.warning("disk-kind", "put --data-dir on a local disk", "%s is on NFS, whose locks and syncs cannot be relied on", c.DataDir)
	default:
		r.ok("disk-kind", "the data is on a disk")
	}
	free, reserve := int64(stat.Bavail)*stat.Bsize, int64(c.Config.Standalone.StorageReserve)
	fix := "make room, or move --data-dir to a larger disk"
	switch {
	case free <= reserve:
		r.problem("disk-space", fix, "%d MiB are free, no more than --storage-reserve: parcels are refused", free>>20)
	case free < 4*reserve:
		r.warning("disk-space", fix, "only %d MiB are free", free>>20)
	default:
		r.ok("disk-space", "%d MiB are free", free>>20)
	}
}

// examineFolderHistory reads the identity from the history, unless a gateway is
// using it.
func examineFolderHistory(ctx context.Context, c *Case, r *Report) {
	const lockName = "lock"
	if _, err := os.Stat(filepath.Join(c.DataDir, "history")); err != nil {
		r.ok("history", "there is no history yet")
		return
	}
	lock, err := durable.OS.Lock(filepath.Join(c.DataDir, lockName))
	if err != nil {
		r.ok("history", "a gateway is running on the folder: awala-gateway status asks it")
		return
	}
	if err := lock.Close(); err != nil {
		r.problem("history", "look at the disk", "%v", err)
		return
	}
	log, closeLog, err := c.History(ctx)
	if err != nil {
		r.problem("history", "look at the folder history in "+c.DataDir+", or restore the backup", "the history cannot be opened: %v", err)
		return
	}
	examineIdentity(ctx, c, r, log)
	examineNames(ctx, c, r, log)
	if err := closeLog(ctx); err != nil {
		r.problem("history", "look at the disk", "the history cannot be closed: %v", err)
	}
}
