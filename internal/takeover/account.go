package takeover

import (
	"cmp"
	"slices"
	"sync"
)

// Kind is a kind of things to take over.
type Kind string

// The kinds, in the order of the account.
const (
	Identities     Kind = "identity"
	Certificates   Kind = "own certificates"
	IdentityKey    Kind = "identity keys"
	BoundKeys      Kind = "session keys of peers"
	UnboundKeys    Kind = "session keys of nobody"
	PeerKeys       Kind = "peers' session keys"
	PeerIdentities Kind = "peers' identity keys"
	Collections    Kind = "parcel collections"
	Fulfilments    Kind = "used authorisations"
	GatewayParcels Kind = "parcels for private gateways"
	Deliveries     Kind = "parcels for the Internet"
	Jobs           Kind = "queued deliveries"
	Cargoes        Kind = "cargoes"
)

var kinds = []Kind{
	Identities, Certificates, IdentityKey, BoundKeys, UnboundKeys, PeerKeys, PeerIdentities, Collections, Fulfilments,
	GatewayParcels, Deliveries, Jobs, Cargoes,
}

// Fate is what became of a thing.
type Fate string

// The fates.
const (
	// Moved was taken over in this run, or would be.
	Moved Fate = "moved"
	// Already was taken over before.
	Already Fate = "already"
	// Skipped is not to be taken over, for a reason.
	Skipped Fate = "skipped"
	// Ended was taken over and then ended in the other gateway, and so here.
	Ended Fate = "ended"
	// Wrong is not here as it is there. Only a verification says so.
	Wrong Fate = "wrong"
)

// Reasons why things are skipped.
const (
	reasonExpired      = "expired"
	reasonUnreadable   = "unreadable"
	reasonAcknowledged = "acknowledged"
	reasonGone         = "its object is gone"
	reasonOtherNode    = "of another node"
	reasonNeedless     = "certificates hold them"
)

// Line of an account: how many things of a kind there are.
type Line struct {
	Kind Kind `json:"kind"`
	// Found counts those of the other gateway. Each was moved now, was moved already,
	// was skipped, or is wrong.
	Found   int `json:"found"`
	Moved   int `json:"moved"`
	Already int `json:"already"`
	// Skipped counts them by reason.
	Skipped map[string]int `json:"skipped,omitempty"`
	// Ended counts those that were moved and have ended there since. They are not
	// found any more.
	Ended int `json:"ended,omitempty"`
	Wrong int `json:"wrong,omitempty"`
	// Orphans counts, of parcels found, those that no queue names.
	Orphans int `json:"orphans,omitempty"`
	// Undated counts those without the metadata that say when they expire.
	Undated int `json:"undated,omitempty"`
}

// Remark is a thing that a person may want to look at.
type Remark struct {
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
	// Detail says more.
	Detail string `json:"detail,omitempty"`
}

// Account is what a run found and did.
type Account struct {
	NodeID          string `json:"nodeId"`
	InternetAddress string `json:"internetAddress"`
	DryRun          bool   `json:"dryRun,omitempty"`
	Verified        bool   `json:"verified,omitempty"`
	Completed       bool   `json:"completed,omitempty"`
	Lines           []Line `json:"lines"`
	// Remarks are what was skipped or is wrong, what is only expired or was acknowledged
	// apart, sorted.
	Remarks []Remark `json:"remarks"`
}

// Wrong counts what is not here as it is there.
func (a *Account) Wrong() (n int) {
	for _, l := range a.Lines {
		n += l.Wrong
	}
	return n
}

// Moved counts what was taken over in this run.
func (a *Account) Moved() (n int) {
	for _, l := range a.Lines {
		n += l.Moved
	}
	return n
}

// verdict is what is known of a thing.
type verdict struct {
	fate   Fate
	reason string
	detail string
	// orphan and undated are of parcels.
	orphan, undated bool
}

func skipped(reason, detail string) verdict {
	return verdict{fate: Skipped, reason: reason, detail: detail}
}

// ledger is what became of each thing in a run, over all its passes.
type ledger struct {
	mu     sync.Mutex
	things map[Kind]map[string]verdict
	// changes counts what was moved or ended.
	changes int
}

func newLedger() *ledger {
	l := &ledger{things: map[Kind]map[string]verdict{}}
	for _, k := range kinds {
		l.things[k] = map[string]verdict{}
	}
	return l
}

// note enters a verdict. What was moved in this run stays moved when a later pass
// finds it here.
func (l *ledger) note(k Kind, name string, v verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.things[k][name].fate
	if before == Moved && v.fate == Already {
		v.fate = Moved
	}
	if v.fate != before && (v.fate == Moved || v.fate == Ended) {
		l.changes++
	}
	l.things[k][name] = v
}

// verdict returns what became of a thing, if it was found.
func (l *ledger) verdict(k Kind, name string) (verdict, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.things[k][name]
	return v, ok
}

func (l *ledger) changed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// account sums up.
func (l *ledger) account() Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := Account{Remarks: []Remark{}}
	for _, k := range kinds {
		line := Line{Kind: k}
		for name, v := range l.things[k] {
			line.count(v)
			if v.fate == Wrong || v.fate == Skipped && notable(v.reason) {
				a.Remarks = append(a.Remarks, Remark{Kind: k, Name: name, Reason: v.reason, Detail: v.detail})
			}
		}
		a.Lines = append(a.Lines, line)
	}
	slices.SortFunc(a.Remarks, func(x, y Remark) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, x.Kind), slices.Index(kinds, y.Kind)), cmp.Compare(x.Name, y.Name))
	})
	return a
}

// notable tells the reasons that a person may want to look at, one by one.
func notable(reason string) bool {
	return reason == reasonUnreadable || reason == reasonGone || reason == reasonOtherNode
}

func (l *Line) count(v verdict) {
	if v.fate == Ended {
		l.Ended++
		return
	}
	l.Found++
	if v.orphan {
		l.Orphans++
	}
	if v.undated {
		l.Undated++
	}
	switch v.fate {
	case Moved:
		l.Moved++
	case Already:
		l.Already++
	case Wrong:
		l.Wrong++
	case Skipped:
		if l.Skipped == nil {
			l.Skipped = map[string]int{}
		}
		l.Skipped[v.reason]++
	}
}
