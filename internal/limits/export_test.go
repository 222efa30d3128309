package limits

// ClientsKnown is how many clients a table remembers.
const ClientsKnown = clientsKnown

// Known returns how many clients the table knows.
func (r *Rates) Known() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}
