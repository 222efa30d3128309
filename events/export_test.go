package events

import "testing"

// Sample is an event in which every field says its name.
func Sample(t *testing.T, typ Type) Event { return sample(t, typ) }
