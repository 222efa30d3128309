package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/history"
)

// errChanged is the failure of a verification that found something.
var errChanged = errors.New("the history is not what was signed")

func newEventsKey(environ []string) *cobra.Command {
	var source sourceFlags
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the public key that the gateway signs its history with",
		Long: `key prints the public key that checkpoints are signed with. An auditor keeps it, and
gives it to "events verify": who takes the key from what is to be verified verifies
nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
				key, err := s.Key(ctx)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
				return err
			})
		},
	}
	source.register(cmd.Flags(), environ)
	return cmd
}

func newEventsCheckpoint(environ []string) *cobra.Command {
	var source sourceFlags
	var streams []string
	var folder string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Have the gateway sign its history as it is now",
		Long: `checkpoint has a running gateway sign each stream as it is now, which it also does
every few minutes, and prints the signed notes. With --out they go to a folder, a file
STREAM.checkpoint each: keep them where the gateway's operator cannot reach, and let
"events verify --extends" show later that nothing before them was changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, release := untilSignal(cmd.Context())
			defer release()
			if len(streams) == 0 {
				streams = streamNames()
			}
			return failed(makeCheckpoints(ctx, cmd.OutOrStdout(), &source, streams, folder))
		},
	}
	source.admin.register(cmd.Flags(), environ)
	cmd.Flags().StringSliceVar(&streams, "stream", nil, "only these streams")
	completeFlag(cmd, "stream", streamNames())
	cmd.Flags().StringVar(&folder, "out", "", "write the notes to files in this folder")
	return cmd
}

func makeCheckpoints(ctx context.Context, w io.Writer, source *sourceFlags, streams []string, folder string) error {
	client, done, err := source.client()
	if err != nil {
		return err
	}
	defer done()
	for i, stream := range streams {
		note, err := client.Advance(ctx, stream)
		if err != nil {
			return err
		}
		switch {
		case folder != "":
			name := filepath.Join(folder, stream+".checkpoint")
			if err := writeFile(name, func(w io.Writer) error { _, err := w.Write(note); return err }); err != nil {
				return err
			}
			_, err = fmt.Fprintln(w, name)
		case i > 0:
			_, err = fmt.Fprintf(w, "\n%s", note)
		default:
			_, err = w.Write(note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func newEventsProve(environ []string) *cobra.Command {
	var source sourceFlags
	var key string
	cmd := &cobra.Command{
		Use:   "prove STREAM SEQUENCE",
		Short: "Print a proof that one event is in the signed history",
		Long: `prove prints an event together with the signed checkpoint and the hashes that connect
the two. Who has the gateway's public key can check it ("events verify --proof") without
the gateway, and without seeing any other event.`,
		Example: "  awala-gateway events prove PDC_PARCELS 12 > proof.json",
		Args:    exactly(2),

		ValidArgsFunction: completeStream,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		stream, sequence, err := parsePosition(args)
		if err != nil {
			return err
		}
		return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
			key, err := keyOrFile(key)
			if err == nil && key == "" {
				key, err = s.Key(ctx)
			}
			if err != nil {
				return err
			}
			proof, err := history.Prove(ctx, s, stream, sequence, key)
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), proof)
		})
	}
	source.register(cmd.Flags(), environ)
	cmd.Flags().StringVar(&key, "key", "", "public key, or a file that holds it; the source's own if empty")
	return cmd
}

// verifyFlags are the flags of events verify.
type verifyFlags struct {
	source     sourceFlags
	key, proof string
	streams    []string
	extends    []string
	asJSON     bool
}

func newEventsVerify(environ []string) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that a history is what was signed, or name the first event that is not",
		Long: `verify compares every event with the hash that was recorded when it was new, all
hashes with the root in the newest signed checkpoint, and that with older checkpoints
which you kept (--extends). If something differs it names the first event that was
altered, removed or inserted, and exits with 1.

With --archive it needs no gateway. With --proof it checks the proof of one event.

Give --key what "events key" printed when you trusted it: without it the key comes from
the same place as the history.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.source.register(cmd.Flags(), environ)
	cmd.Flags().StringVar(&f.key, "key", "", "public key that you trust, or a file that holds it")
	cmd.Flags().StringSliceVar(&f.streams, "stream", nil, "only these streams")
	completeFlag(cmd, "stream", streamNames())
	cmd.Flags().StringSliceVar(&f.extends, "extends", nil, "files with checkpoints of before, which must be extended")
	cmd.Flags().StringVar(&f.proof, "proof", "", "file with the proof of one event, or - for standard input; needs --key")
	registerJSON(cmd, &f.asJSON)
	return cmd
}

func (f *verifyFlags) run(cmd *cobra.Command) error {
	key, err := keyOrFile(f.key)
	if err != nil {
		return err
	}
	if f.proof != "" {
		if key == "" {
			return errors.New("--proof needs --key")
		}
		return failed(checkProof(cmd, f.proof, key, f.asJSON))
	}
	older := make([][]byte, len(f.extends))
	for i, name := range f.extends {
		if older[i], err = os.ReadFile(name); err != nil {
			return failed(err)
		}
	}
	return f.source.inspect(cmd, func(ctx context.Context, s history.Source) error {
		verdict, err := history.Verification{Source: s, Key: key, Streams: f.streams, Older: older}.Run(ctx)
		if err != nil {
			return err
		}
		if f.asJSON {
			err = writeJSON(cmd.OutOrStdout(), verdict)
		} else {
			err = printer(cmd.OutOrStdout()).Verdict(verdict)
		}
		if err == nil && !verdict.OK() {
			err = errChanged
		}
		return err
	})
}

// keyOrFile returns a key as it is, or the content of the file that it names. A key
// in text form has a plus sign, the names of its files had better not.
func keyOrFile(text string) (string, error) {
	if text == "" || strings.Contains(text, "+") {
		return text, nil
	}
	body, err := os.ReadFile(text)
	return strings.TrimSpace(string(body)), err
}

func checkProof(cmd *cobra.Command, name, key string, asJSON bool) error {
	read := func() ([]byte, error) { return os.ReadFile(name) }
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(cmd.InOrStdin()) }
	}
	text, err := read()
	if err != nil {
		return err
	}
	proof, err := history.ParseProof(text)
	if err != nil {
		return err
	}
	m, c, err := proof.Check(key)
	if err != nil {
		return err
	}
	if asJSON {
		line := bytes.NewBuffer(nil)
		if err := eventWriter(line, true)(m); err != nil {
			return err
		}
		return writeJSON(cmd.OutOrStdout(), map[string]any{"proven": json.RawMessage(line.Bytes()), "size": c.Size, "root": c.Root})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %d is in the history of %s that was signed at %d events:\n\n", m.Stream, m.Sequence, c.Gateway, c.Size)
	if err != nil {
		return err
	}
	return printer(cmd.OutOrStdout()).Show(m)
}
