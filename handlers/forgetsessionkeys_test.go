package handlers_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/keystore"
)

// shelf is a list of keys.
type shelf struct{ keys []keystore.BoundKey }

func (s *shelf) BoundSessionKeys(_ context.Context, _ string, yield func(keystore.BoundKey) error) error {
	for _, k := range s.keys {
		if err := yield(k); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) DeleteSessionKey(_ context.Context, _ string, id []byte) error {
	s.keys = slices.DeleteFunc(s.keys, func(k keystore.BoundKey) bool { return slices.Equal(k.ID, id) })
	return nil
}

func TestForgetSessionKeys(t *testing.T) {
	const daysKept = 182
	// Each key has the id of its index and was made that many days ago.
	tests := map[string]struct {
		made []int // days ago; negative: not known
		used map[int]int
		want []int // the indexes of what is left
	}{
		"nothing was used":            {[]int{900, 800, 700}, nil, []int{0, 1, 2}},
		"the oldest was used":         {[]int{900, 800, 700}, map[int]int{0: 899}, []int{0, 1, 2}},
		"the second was used":         {[]int{900, 800, 700}, map[int]int{1: 500}, []int{1, 2}},
		"the last was used":           {[]int{900, 800, 700}, map[int]int{1: 750, 2: 183}, []int{2}},
		"the last was used lately":    {[]int{900, 800, 700}, map[int]int{1: 750, 2: daysKept - 1}, []int{1, 2}},
		"one has no date":             {[]int{-1, 800, 700}, map[int]int{2: 600}, []int{0, 2}},
		"the used one is not dated":   {[]int{900, -1, 700}, map[int]int{1: 600}, []int{0, 1, 2}},
		"there is only one":           {[]int{900}, map[int]int{0: 800}, []int{0}},
		"all are of the same instant": {[]int{900, 900}, map[int]int{0: 800}, []int{0, 1}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			peerID := theCast().private.id()
			ago := func(days int) time.Time { return today.AddDate(0, 0, -days) }
			s := &shelf{}
			for i, days := range tc.made {
				k := keystore.BoundKey{ID: []byte{byte(i)}, PeerID: peerID}
				if days >= 0 {
					k.CreatedAt = ago(days)
				}
				s.keys = append(s.keys, k)
			}
			for i := range tc.made {
				if days, ok := tc.used[i]; ok {
					e := events.New("", "test", ago(days), events.PeerSessionKeyLearned{
						PrivateGatewayID: peerID, OurKeyID: hex.EncodeToString([]byte{byte(i)}),
					})
					if _, err := w.log.Append(t.Context(), e); err != nil {
						t.Fatal(err)
					}
				}
			}
			forget := &handlers.ForgetSessionKeys{
				Identity: issuer{}, Keys: s, Log: w.log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return today },
			}
			for range 2 {
				if _, err := forget.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				var left []int
				for _, k := range s.keys {
					left = append(left, int(k.ID[0]))
				}
				if diff := cmp.Diff(tc.want, left); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}
