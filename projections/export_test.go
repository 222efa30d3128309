package projections

// Seen is the last accepted parcel that the feed has accounted for.
func (f *Feed) Seen() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.seen.work
}

// Woken yields when the feed has heard of something.
func (f *Feed) Woken() <-chan struct{} { return f.wake }

// Hold keeps the feed from listening while do runs.
func (f *Feed) Hold(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}
