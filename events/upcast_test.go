package events

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Three generations of an event that exists in this test alone: the tale of how its
// length was counted in words, then in octets, and then had a unit.
type (
	taleV1 struct {
		IdentityChannelOnly
		Title string `json:"title"`
		Words int    `json:"words"`
	}
	taleV2 struct {
		IdentityChannelOnly
		Title  string `json:"title"`
		Octets int    `json:"octets"`
	}
	tale struct {
		IdentityChannelOnly
		Title  string `json:"title"`
		Length int    `json:"length"`
		Unit   string `json:"unit"`
	}
	// IdentityChannelOnly gives each of them a channel.
	IdentityChannelOnly struct{}
)

func (IdentityChannelOnly) Channel() string     { return IdentityChannel }
func (IdentityChannelOnly) AggregateID() string { return "tale" }
func (taleV1) EventType() Type                  { return "tale.v1" }
func (taleV2) EventType() Type                  { return "tale.v2" }
func (tale) EventType() Type                    { return "tale.v3" }

// tales makes the three generations known until the test ends.
func tales(t *testing.T) {
	t.Helper()
	Upcast(func(old taleV1) taleV2 { return taleV2{Title: old.Title, Octets: old.Words * 6} })
	Upcast(func(old taleV2) tale {
		return tale{Title: strings.ToUpper(old.Title), Length: old.Octets, Unit: "octets"}
	})
	register[tale]()
	t.Cleanup(func() {
		for _, typ := range []Type{"tale.v1", "tale.v2", "tale.v3"} {
			delete(registry, typ)
			delete(successors, typ)
		}
	})
}

// TestUpcast reads each generation, as it was recorded, through all that came after.
func TestUpcast(t *testing.T) {
	tales(t)
	for typ, body := range map[string]string{
		"tale.v1": `{"title":"dune","words":100,"forgotten":true}`,
		"tale.v2": `{"title":"dune","octets":600}`,
		"tale.v3": `{"title":"DUNE","length":600,"unit":"octets"}`,
	} {
		subject, header, _ := wire()
		header[HeaderType] = []string{TypePrefix + typ}
		r := Read(StreamGateway, 7, subject, header, []byte(body))
		if diff := cmp.Diff(Data(tale{Title: "DUNE", Length: 600, Unit: "octets"}), r.Data); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typ, diff)
		}
		if r.ID != "i" || r.Sequence != 7 || r.Subject != subject {
			t.Errorf("%s: %+v", typ, r)
		}
		if got := ReadAs(Type(typ)); got != "tale.v3" {
			t.Errorf("%s is read as %s", typ, got)
		}
	}
}

// TestFutureVersionIsUnknown shows that a reader tells what a newer program recorded
// from what is broken.
func TestFutureVersionIsUnknown(t *testing.T) {
	tales(t)
	subject, header, _ := wire()
	header[HeaderType] = []string{TypePrefix + "tale.v4"}
	_, err := Decode(subject, header, []byte(`{}`))
	var unknown *UnknownTypeError
	if !errors.As(err, &unknown) {
		t.Errorf("error %v", err)
	}
}

func TestOldVersionsAreNotRecorded(t *testing.T) {
	tales(t)
	for _, old := range []Data{taleV1{}, taleV2{}} {
		_, _, _, err := Encode(New("i", "test", sampleTime, old))
		var bad *MalformedError
		if !errors.As(err, &bad) || bad.Part != "data" {
			t.Errorf("%s: error %v", old.EventType(), err)
		}
	}
	if _, _, _, err := Encode(New("i", "test", sampleTime, tale{})); err != nil {
		t.Error(err)
	}
}

// TestUpcastGolden holds the tales to their files, as TestGolden does old versions.
func TestUpcastGolden(t *testing.T) {
	tales(t)
	for _, typ := range []Type{"tale.v1", "tale.v2"} {
		checkUpcast(t, filepath.Join(testdata, "tales"), typ)
	}
}
