package evidence

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/internal/fault"
)

// ErrCheckpoint says that octets are no checkpoint, or none with a signature of a
// key that is trusted.
var ErrCheckpoint = fault.Permanent(errors.New("bad checkpoint"))

// originInfix stands between a gateway's address and a stream's name.
const originInfix = "/events/"

// maxCheckpointLen bounds a checkpoint in octets; ours have about 250.
const maxCheckpointLen = 64 << 10

// Checkpoint says what a stream was when it had so many events.
type Checkpoint struct {
	// Gateway is the Internet address of the gateway, Stream one of its streams.
	Gateway, Stream string
	// Size is the sequence of the last event that the tree covers.
	Size int64
	// Root is the hash of the tree (RFC 6962 §2.1).
	Root tlog.Hash
}

// Signed is a checkpoint with its signature.
type Signed struct {
	Checkpoint
	// Note is the signed note, as it is published.
	Note []byte
}

// String returns the text that is signed (C2SP tlog-checkpoint): the origin, the
// size, and the root in base64, a line each.
func (c Checkpoint) String() string {
	return c.Gateway + originInfix + c.Stream + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// Sign returns the checkpoint with its signature, which depends on the checkpoint
// and the key alone.
func (c Checkpoint) Sign(signer note.Signer) (Signed, error) {
	text, err := note.Sign(&note.Note{Text: c.String()}, signer)
	if err != nil {
		return Signed{}, fmt.Errorf("evidence: sign: %w", err)
	}
	return Signed{c, text}, nil
}

// OpenCheckpoint verifies a signed checkpoint against a public key. Signatures of
// others, such as witnesses, are passed over.
func OpenCheckpoint(text []byte, verifier note.Verifier) (Signed, error) {
	if len(text) > maxCheckpointLen {
		return Signed{}, fmt.Errorf("%w: %d octets", ErrCheckpoint, len(text))
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := ParseCheckpoint(n.Text)
	return Signed{c, text}, err
}

// ParseCheckpoint reads the signed text of a checkpoint. Lines after the third are
// extensions, which are allowed and ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	bad := func(what string) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("%w: %s", ErrCheckpoint, what)
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return bad("want at least three lines")
	}
	gateway, stream, ok := strings.Cut(lines[0], originInfix)
	if !ok || !validName(gateway) || !validName(stream) {
		return bad("the origin is not ADDRESS" + originInfix + "STREAM")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return bad("the size is not a decimal number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return bad("the root is not a hash in base64")
	}
	return Checkpoint{Gateway: gateway, Stream: stream, Size: size, Root: tlog.Hash(root)}, nil
}

// validName tells whether s can be an address or the name of a stream.
func validName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:[]", r)
	})
}
