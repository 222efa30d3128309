package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/handlers"
)

// Forgetter forgets private gateways; handlers.ForgetGateway is one.
type Forgetter interface {
	Run(ctx context.Context, o handlers.ForgetOrder, report func(string)) (handlers.ForgottenGateway, error)
}

// Forgetting serves /forget.
type Forgetting struct {
	Forgetter Forgetter
	// Working lets it work as long as the process does.
	Working *Projections
}

// maxOrderLen bounds an order in octets.
const maxOrderLen = 16 << 10

// Handler returns the route.
func (f *Forgetting) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /forget", f.Working.during(f.forget))
	return mux
}

// forget reads whom to forget from the body, since addresses end up in logs.
func (f *Forgetting) forget(w http.ResponseWriter, r *http.Request) {
	order, err := readOrder(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := newLines(w)
	done, err := f.Forgetter.Run(r.Context(), order, func(step string) {
		_ = out.write(Line{Step: step}) // that the client is gone ends the request's context
	})
	out.end(Line{Forgotten: &done}, err)
}

func readOrder(body io.Reader) (o handlers.ForgetOrder, err error) {
	if err := json.NewDecoder(io.LimitReader(body, maxOrderLen)).Decode(&o); err != nil {
		return o, err
	}
	switch {
	case !pki.ValidNodeID(o.GatewayID):
		return o, errors.New("want the id of a private gateway")
	case len(o.By) > maxText || len(o.Reason) > maxText:
		return o, errors.New("the name and the reason are too long")
	case strings.Contains(o.By+o.Reason, o.GatewayID):
		return o, errors.New("the name and the reason stay readable: they must not name the private gateway")
	}
	return o, nil
}
