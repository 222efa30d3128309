package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"awala.network/gateway/internal/fault"
)

func TestClass(t *testing.T) {
	base := errors.New("base")
	tests := map[string]struct {
		err  error
		want string
	}{
		"unmarked":             {base, "transient"},
		"permanent":            {fault.Permanent(base), "permanent"},
		"fatal":                {fault.Fatal(base), "fatal"},
		"wrapped":              {fmt.Errorf("wrap: %w", fault.Permanent(base)), "permanent"},
		"outermost wins":       {fault.Transient(fault.Permanent(base)), "transient"},
		"permanent over fatal": {fault.Permanent(fault.Fatal(base)), "permanent"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fault.Class(tc.err); got != tc.want {
				t.Errorf("Class() = %q, want %q", got, tc.want)
			}
			if !errors.Is(tc.err, base) {
				t.Error("the cause is lost")
			}
			if got := fault.IsPermanent(tc.err); got != (tc.want == "permanent") {
				t.Errorf("IsPermanent() = %v", got)
			}
			if got := fault.IsFatal(tc.err); got != (tc.want == "fatal") {
				t.Errorf("IsFatal() = %v", got)
			}
		})
	}
}

func TestNilStaysNil(t *testing.T) {
	for _, mark := range []func(error) error{fault.Permanent, fault.Fatal, fault.Transient} {
		if mark(nil) != nil {
			t.Error("a nil error got a class")
		}
	}
}
