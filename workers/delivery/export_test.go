package delivery

// MaxIdleDestinations is from how many on idle destinations are forgotten.
const MaxIdleDestinations = maxIdleDestinations

// Known counts the destinations that the queue knows.
func (q *Queue) Known() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.destinations)
}
