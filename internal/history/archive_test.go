package history_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/history"
)

// unpacked are the files of an archive, in their order.
type unpacked []tarFile

type tarFile struct {
	name string
	body []byte
}

func unpack(t *testing.T, name string) unpacked {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var files unpacked
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, tarFile{h.Name, body})
	}
}

func (u unpacked) pack(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, f := range u {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.body)), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "forged.tar.gz")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// lines returns the lines of the stream's events, to be changed.
func (u unpacked) lines(t *testing.T, stream string) (*tarFile, [][]byte) {
	t.Helper()
	for i := range u {
		if strings.HasPrefix(u[i].name, stream+"/events/") {
			return &u[i], slices.Collect(bytes.Lines(u[i].body))
		}
	}
	t.Fatal("no events of", stream)
	return nil, nil
}

// remanifest makes the manifest fit, as a forger would.
func (u unpacked) remanifest(t *testing.T) unpacked {
	t.Helper()
	last := &u[len(u)-1]
	var m history.Manifest
	if err := json.Unmarshal(last.body, &m); err != nil {
		t.Fatal(err)
	}
	m.Files = nil
	for _, f := range u[:len(u)-1] {
		digest := sha256.Sum256(f.body)
		m.Files = append(m.Files, history.File{Name: f.name, Size: int64(len(f.body)), SHA256: hex.EncodeToString(digest[:])})
	}
	last.body = []byte(toJSON(t, m))
	return u
}

func TestArchiveIsTheHistory(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 5, "0a")
	w.append(t, events.New("", "poweb", noon, events.PrivateGatewayRegistered{PrivateGatewayID: "0a"}))
	name := w.export(t)
	a := open(t, name)
	if damage := a.Damage(); len(damage) > 0 {
		t.Error(damage)
	}
	verdict := verify(t, a, w.key)
	if !verdict.OK() || verdict.Own || len(verdict.Streams) != 5 {
		t.Error(toJSON(t, verdict))
	}
	live := collect(t, w.live.Messages(t.Context(), history.Query{}))
	archived := collect(t, a.Messages(t.Context(), history.Query{}))
	if diff := cmp.Diff(positions(live), positions(archived)); diff != "" || len(live) != 9 {
		t.Error(diff)
	}
	for i, m := range archived {
		if evidence.LeafHash(m) != evidence.LeafHash(live[i]) || m.Record().ID != live[i].Record().ID {
			t.Errorf("%s %d differs", m.Stream, m.Sequence)
		}
	}
	if !bytes.Equal(read(t, name), read(t, exported(t, w.client))) {
		t.Error("two exports of the same history differ")
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestForgedArchives lets forgers of growing skill change an archive; the verdict
// names what they did, whether they mend the manifest or not.
func TestForgedArchives(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 20, "0a")
	name := w.export(t)
	renumber := func(lines [][]byte) [][]byte {
		for i := range lines {
			m, err := history.ParseLine(bytes.TrimSpace(lines[i]))
			if err != nil {
				t.Fatal(err)
			}
			m.Sequence = uint64(i) + 1
			if lines[i], err = history.AppendLine(nil, m); err != nil {
				t.Fatal(err)
			}
			lines[i] = append(lines[i], '\n')
		}
		return lines
	}
	tests := map[string]struct {
		forge func(lines [][]byte) [][]byte
		want  evidence.Difference
	}{
		"a value": {func(l [][]byte) [][]byte {
			l[6] = bytes.Replace(l[6], []byte(`"size":100`), []byte(`"size":101`), 1)
			return l
		}, evidence.Difference{Sequence: 7, Kind: evidence.Altered, EventID: "accepted-0a4"}},
		"a time": {func(l [][]byte) [][]byte {
			l[6] = bytes.Replace(l[6], []byte(`"ce-time":"2026`), []byte(`"ce-time":"2025`), 1)
			return l
		}, evidence.Difference{Sequence: 7, Kind: evidence.Altered, EventID: "accepted-0a4"}},
		"nonsense": {func(l [][]byte) [][]byte { l[6][0] = '['; return l }, evidence.Difference{Sequence: 7, Kind: evidence.Altered}},
		"an event removed": {
			func(l [][]byte) [][]byte { return slices.Delete(l, 6, 7) },
			evidence.Difference{Sequence: 7, Kind: evidence.Removed},
		},
		"removed and renumbered": {
			func(l [][]byte) [][]byte { return renumber(slices.Delete(l, 6, 7)) },
			evidence.Difference{Sequence: 7, Kind: evidence.Removed, Shifted: true},
		},
		"an event twice": {
			func(l [][]byte) [][]byte { return slices.Insert(l, 6, l[5]) },
			evidence.Difference{Sequence: 6, Kind: evidence.Inserted, EventID: "accepted-0a3"},
		},
		"inserted and renumbered": {
			func(l [][]byte) [][]byte { return renumber(slices.Insert(l, 6, l[0])) },
			evidence.Difference{Sequence: 7, Kind: evidence.Inserted, EventID: "accepted-0a0", Shifted: true},
		},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			files := unpack(t, name)
			file, lines := files.lines(t, events.StreamGatewayParcels)
			file.body = bytes.Join(tt.forge(lines), nil)
			clumsy := verify(t, open(t, files.pack(t)), w.key)
			if len(clumsy.Damage) != 1 {
				t.Errorf("damage: %v", clumsy.Damage)
			}
			careful := verify(t, open(t, files.remanifest(t).pack(t)), w.key)
			if len(careful.Damage) != 0 {
				t.Errorf("damage: %v", careful.Damage)
			}
			tt.want.Stream = events.StreamGatewayParcels
			for _, v := range []history.Verdict{clumsy, careful} {
				i := slices.IndexFunc(v.Streams, func(s history.StreamVerdict) bool { return s.Stream == tt.want.Stream })
				if diff := cmp.Diff(&tt.want, v.Streams[i].First); diff != "" || v.OK() {
					t.Error(diff)
				}
			}
		})
	}
}

// TestForgedEvidence changes what proves instead of what is proven.
func TestForgedEvidence(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 10, "0a")
	name := w.export(t)
	other := newWorld(t)
	other.parcels(t, 9, "0a")
	files := unpack(t, name)
	for i, f := range files {
		if !strings.HasPrefix(f.name, events.StreamGatewayParcels) || strings.Contains(f.name, "/events/") {
			continue
		}
		forged := slices.Clone(files)
		forged[i].body = slices.Clone(f.body)
		forged[i].body[len(f.body)/2] ^= 1
		if v := verify(t, open(t, forged.remanifest(t).pack(t)), w.key); v.OK() {
			t.Errorf("%s was changed, and all is well", f.name)
		}
	}
	if v := verify(t, open(t, other.export(t)), w.key); v.OK() {
		t.Error("another gateway's archive passes for this one's")
	}
	if v := verify(t, open(t, other.export(t)), ""); !v.OK() || !v.Own {
		t.Error("its own key")
	}
}

func TestDamagedArchives(t *testing.T) {
	w := newWorld(t)
	w.parcels(t, 10, "0a")
	name := w.export(t)
	whole := read(t, name)
	for _, at := range []int{0, 20, len(whole) / 2, len(whole) - 3} {
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		file := filepath.Join(t.TempDir(), "x")
		for what, body := range map[string][]byte{"changed": damaged, "cut": whole[:at]} {
			if err := os.WriteFile(file, body, 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := history.OpenArchive(file)
			if err == nil && verify(t, a, w.key).OK() && at > 10 { // the zip's head holds a date
				t.Errorf("%s at %d: all is well", what, at)
			}
			if err != nil && !errors.Is(err, history.ErrArchive) {
				t.Errorf("%s at %d: %v", what, at, err)
			}
		}
	}
	if _, err := history.OpenArchive(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzArchive shows that no file makes a reader fail in other ways than by an error.
func FuzzArchive(f *testing.F) {
	const header = `{"format":"awala-gateway-history/1","gateway":"g","key":"k"}`
	f.Add([]byte(header), "S/events/00000000000000000001.jsonl", []byte("{}\n"), []byte(`{"files":[],"streams":[{"stream":"S"}]}`))
	f.Add([]byte(header), "S/hashes/1", make([]byte, 33), []byte(`{"files":[{"name":"x"}],"streams":[{"stream":"S","last":9}]}`))
	f.Fuzz(func(t *testing.T, header []byte, name string, body, manifest []byte) {
		if len(name) == 0 || len(name) > 90 || strings.ContainsRune(name, 0) || strings.HasSuffix(name, "/") {
			return // package archive/tar does not write it
		}
		files := unpacked{{"archive.json", header}, {name, body}, {"manifest.json", manifest}}
		a, err := history.OpenArchive(files.pack(t))
		if err != nil {
			if !errors.Is(err, history.ErrArchive) {
				t.Error(err)
			}
			return
		}
		a.Damage()
		for _, err := range a.Messages(t.Context(), history.Query{}) {
			if err != nil {
				break
			}
		}
		_, _ = a.Checkpoint(t.Context(), "S", 1)
		if v, err := (history.Verification{Source: a}).Run(t.Context()); err == nil && v.OK() && len(v.Streams) > 0 {
			t.Errorf("%s is as it was signed for", toJSON(t, v))
		}
	})
}
