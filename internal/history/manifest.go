package history

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// archiveFormat names the layout that follows. A reader refuses any other.
const archiveFormat = "awala-gateway-history/1"

// Names in an archive, which is a gzip'd tar:
//
//	archive.json                  Header
//	STREAM/checkpoint             the signed checkpoint that the archive ends with
//	STREAM/hashes/SEQUENCE        leaf hashes from that sequence on, 32 octets each
//	STREAM/names/SEQUENCE.json    what is sealed in the events of the next file, if revealed
//	STREAM/events/SEQUENCE.jsonl  events from that sequence on, a line each
//	manifest.json                 Manifest
const (
	nameHeader     = "archive.json"
	nameManifest   = "manifest.json"
	nameCheckpoint = "checkpoint"
	folderHashes   = "hashes"
	folderEvents   = "events"
	folderNames    = "names"
	suffixNames    = ".json"
	suffixEvents   = ".jsonl"
)

// Bounds of what is read of an archive.
const (
	maxEntryLen = 64 << 20
	maxEntries  = 1 << 20
)

// Header begins an archive.
type Header struct {
	Format string `json:"format"`
	// Gateway is the Internet address, Key the public key that it claims.
	Gateway string `json:"gateway"`
	Key     string `json:"key"`
	// ExportedAt is when the archive was made, ExportedBy by which program.
	ExportedAt time.Time `json:"exportedAt"`
	ExportedBy string    `json:"exportedBy"`
	// Revealed tells that names can be read in it, whatever is forgotten later.
	Revealed bool `json:"revealed,omitempty"`
}

// Manifest ends an archive.
type Manifest struct {
	// Streams are what the archive holds. Their Bytes are not told.
	Streams []Stream `json:"streams"`
	// Roots are the Merkle roots at the streams' checkpoints, by stream.
	Roots map[string]tlog.Hash `json:"roots"`
	// Files are all other files, in their order.
	Files []File `json:"files"`
}

// File is a file in an archive.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// SHA256 is the lowercase hexadecimal digest.
	SHA256 string `json:"sha256"`
}

// Damage returns a sentence for each file that is not what the manifest says.
func (a *Archive) Damage() []string {
	var damage []string
	found := make(map[string]File)
	for _, f := range a.found {
		if _, twice := found[f.Name]; twice {
			damage = append(damage, f.Name+" is there twice")
		}
		found[f.Name] = f
	}
	for _, want := range a.manifest.Files {
		switch f, ok := found[want.Name]; {
		case !ok:
			damage = append(damage, want.Name+" is missing")
		case f != want:
			damage = append(damage, want.Name+" is not what the manifest says")
		}
		delete(found, want.Name)
	}
	for _, f := range a.found {
		if _, extra := found[f.Name]; extra {
			damage = append(damage, f.Name+" is not in the manifest")
		}
	}
	return damage
}

func fileOf(name string, body []byte) File {
	digest := sha256.Sum256(body)
	return File{Name: name, Size: int64(len(body)), SHA256: hex.EncodeToString(digest[:])}
}
