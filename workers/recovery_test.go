package workers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"awala.network/gateway/internal/fault"
)

func TestRecovery(t *testing.T) {
	err := through(recovery(discard), delivered(t.Context(), 1), func(context.Context) error { panic("oh") })
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "oh" || !strings.Contains(string(panicked.Stack), "recovery_test.go") {
		t.Errorf("error %v", err)
	}
	if fault.Class(err) != "transient" {
		t.Errorf("a panic is %s", fault.Class(err))
	}
	want := errors.New("plain")
	if err := through(recovery(discard), delivered(t.Context(), 1), func(context.Context) error { return want }); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
}
