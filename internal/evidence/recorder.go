package evidence

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

// stride is the most events between two checkpoints, so that a recorder which is
// interrupted on a long history goes on near where it was.
const stride = 1 << 16

// History is the stream that evidence is recorded of.
type History interface {
	// Messages yields the messages of the stream from a sequence on, in order, up
	// to the last that there is.
	Messages(ctx context.Context, stream string, from uint64) iter.Seq2[events.Message, error]
}

// Recorder lets the trees grow with their streams.
type Recorder struct {
	History History
	Store   Store
	Key     Key
	// Gateway is the gateway's Internet address.
	Gateway string
}

// Advance takes in what the stream holds beyond the newest checkpoint, and returns
// the newest one then. If there is nothing new it writes nothing. It can be
// interrupted anywhere and repeated by anyone.
//
// No error is fatal: a history that contradicts its evidence must be seen, and
// does not hinder the gateway from relaying parcels.
func (r *Recorder) Advance(ctx context.Context, stream string) (Signed, error) {
	latest, edge, err := r.start(ctx, stream)
	if err != nil {
		return Signed{}, err
	}
	for m, err := range r.History.Messages(ctx, stream, uint64(edge.Size())+1) {
		if err != nil {
			return latest, fault.Transient(fmt.Errorf("evidence: %s after %d: %w", stream, edge.Size(), err))
		}
		if err := r.add(ctx, stream, edge, m); err != nil {
			return latest, err
		}
		if edge.Size()-latest.Size >= stride {
			if latest, err = r.publish(ctx, latest, edge); err != nil {
				return latest, err
			}
		}
	}
	if edge.Size() == latest.Size && latest.Note != nil {
		return latest, nil
	}
	return r.publish(ctx, latest, edge)
}

// start returns the newest checkpoint and its edge. For a stream without one, the
// checkpoint has no Note.
func (r *Recorder) start(ctx context.Context, stream string) (Signed, *Edge, error) {
	latest, err := r.Store.Latest(ctx, stream)
	if errors.Is(err, blobs.ErrNotFound) {
		return Signed{Checkpoint: Checkpoint{Gateway: r.Gateway, Stream: stream}}, new(Edge), nil
	}
	if err != nil {
		return Signed{}, nil, err
	}
	edge, err := r.Store.edge(ctx, latest.Checkpoint)
	return latest, edge, err
}

// add appends a message, and before it the gap that it shows.
func (r *Recorder) add(ctx context.Context, stream string, edge *Edge, m events.Message) error {
	for sequence := uint64(edge.Size()) + 1; sequence < m.Sequence; sequence++ {
		if err := r.addLeaf(ctx, stream, edge, GapHash(sequence)); err != nil {
			return err
		}
	}
	return r.addLeaf(ctx, stream, edge, LeafHash(m))
}

func (r *Recorder) addLeaf(ctx context.Context, stream string, edge *Edge, leaf tlog.Hash) error {
	for _, t := range edge.Add(leaf) {
		if err := r.Store.putTile(ctx, stream, t); err != nil {
			return err
		}
	}
	return nil
}

// publish stores the edge, then the checkpoint, and then removes the edge of the
// former one, which nobody needs any more.
func (r *Recorder) publish(ctx context.Context, former Signed, edge *Edge) (Signed, error) {
	kept := make(map[tlog.Tile]bool)
	for _, t := range edge.Partial() {
		kept[t.Tile] = true
		if err := r.Store.putTile(ctx, former.Stream, t); err != nil {
			return former, err
		}
	}
	c := Checkpoint{Gateway: r.Gateway, Stream: former.Stream, Size: edge.Size(), Root: edge.Root()}
	signed, err := c.Sign(r.Key)
	if err != nil {
		return former, err
	}
	if err := r.Store.putCheckpoint(ctx, signed); err != nil {
		return former, err
	}
	for _, t := range edgeTiles(former.Size) {
		if t.W > 0 && !kept[t] {
			if err := r.Store.Blobs.Delete(ctx, tileKey(former.Stream, t)); err != nil {
				return signed, fmt.Errorf("evidence: delete a former edge: %w", err)
			}
		}
	}
	return signed, nil
}
