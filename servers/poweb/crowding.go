package poweb

import (
	"errors"
	"slices"
	"sync"
)

// errCrowded is why the oldest collection of a private gateway ends when it opens
// one too many. The newest is kept, because a client that lost its connection comes
// back before we learn of that.
var errCrowded = errors.New("the private gateway has opened newer collections")

// crowding bounds the open collections of each private gateway.
type crowding struct {
	most int // 0 is no limit

	mu   sync.Mutex
	open map[string][]*link // by private gateway, the oldest first
}

func newCrowding(most int) *crowding {
	return &crowding{most: most, open: make(map[string][]*link)}
}

// enter notes a collection of the gateways and returns those that it is one too many
// for.
func (c *crowding) enter(gateways []string, l *link) (tooMany []*link) {
	if c.most == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range gateways {
		links := append(c.open[id], l)
		if len(links) > c.most {
			tooMany = append(tooMany, links[0])
			links = slices.Delete(links, 0, 1)
		}
		c.open[id] = links
	}
	return tooMany
}

func (c *crowding) leave(gateways []string, l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range gateways {
		links := slices.DeleteFunc(c.open[id], func(other *link) bool { return other == l })
		if c.open[id] = links; len(links) == 0 {
			delete(c.open, id)
		}
	}
}
