package interop

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	diskSize = "size=64m"
	// diskParcels have acknowledgements that do not fit what is left of a page.
	diskParcels = 100
)

var saysFull = regexp.MustCompile(`no space left on device|the disk of .* is full`)

// TestFullDisk fills the disk of a gateway to the brim while parcels are collected. Its
// history takes nothing after a failed write until it is opened again, so the process says
// what is wrong and ends, to be started again by whoever watches it; with room again, every
// parcel that it accepted is collected, and it takes more.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	gateway := process.StartStandalone(t, d.path, d.reserve...)
	from, to := newOffline(t, gateway), newOffline(t, gateway)
	route := newCorrespondence(t, from, to)
	missing := map[string]bool{}
	deliver := func(gateway site) {
		parcel, err := route.write(1024)
		if err == nil {
			err = from.online.At(clientOf(t, gateway)).Deliver(t.Context(), parcel)
		}
		if err != nil {
			t.Fatal(err)
		}
		missing[parcelID(parcel)] = true
	}
	collect := func(gateway site) error {
		collection, err := to.online.At(clientOf(t, gateway)).Collect(t.Context(), powebclient.CloseUponCompletion)
		if err != nil {
			return err
		}
		defer collection.Close()
		for {
			delivery, err := collection.Next(t.Context())
			if err == nil {
				delete(missing, parcelID(delivery.Parcel))
				err = delivery.Acknowledge(t.Context())
			}
			if err != nil {
				return err
			}
		}
	}
	for range diskParcels {
		deliver(gateway)
	}
	d.fill(t)
	within(t, time.Minute, "the process ends", func() bool {
		if err := collect(gateway); errors.Is(err, io.EOF) {
			t.Fatal("every acknowledgement found room")
		}
		select {
		case <-gateway.Exited():
			return true
		default:
			return false
		}
	})
	if log := gateway.Log(); !strings.Contains(log, "make room, and start again") {
		t.Errorf("it does not say why:\n%s", log[max(0, len(log)-2000):])
	}
	d.fill(t) // what the end has freed, too
	if log := process.FailedStart(t, d.path, d.reserve...); !saysFull.MatchString(log) {
		t.Errorf("started without room it does not say why:\n%s", log)
	}
	d.makeRoom(t)
	gateway = process.StartStandalone(t, d.path, d.reserve...)
	deliver(gateway)
	if err := collect(gateway); !errors.Is(err, io.EOF) || len(missing) > 0 {
		t.Errorf("%d accepted parcels are missing: %v", len(missing), err)
	}
}

// disk is a small file system.
type disk struct {
	path, filler string
	reserve      []string // flags
}

func newDisk(t *testing.T) disk {
	t.Helper()
	path := t.TempDir()
	err := syscall.Mount("disk", path, "tmpfs", 0, diskSize)
	if errors.Is(err, syscall.EPERM) {
		t.Skip("may not mount a file system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	return disk{path, filepath.Join(path, "filler"), []string{"--storage-reserve", "1MiB"}}
}

// fill makes a file longer until the disk is full.
func (d disk) fill(t *testing.T) {
	t.Helper()
	file, err := os.OpenFile(d.filler, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func (d disk) makeRoom(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.filler); err != nil {
		t.Fatal(err)
	}
}
