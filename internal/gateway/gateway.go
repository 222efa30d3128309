package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/telemetry"
)

// StopTimeout is the most that [Gateway.Stop] takes.
const StopTimeout = 12 * time.Second

// Options say what to run and how.
type Options struct {
	// Kind is what this process is, such as [Standalone].
	Kind Kind
	// Config is every setting, valid.
	Config *config.Config
	// Logger gets all records, Level is its level, which operators can change.
	Logger *slog.Logger
	Level  *slog.LevelVar
	// Fence, if not 0, is how long a forgetting waits until every process knows, in
	// place of names.Fence, and processes know sooner: for tests.
	Fence time.Duration
}

// Gateway is a running process: see the package's documentation for its life.
type Gateway struct {
	assembly *assembly
}

// Start assembles and starts everything, and returns when the process is ready.
// If it fails, or ctx ends before, what had been started is stopped again. The
// gateway outlives ctx: end it with Stop.
func Start(ctx context.Context, o Options) (*Gateway, error) {
	a := newAssembly(o)
	g := &Gateway{assembly: a}
	if err := g.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
		defer cancel()
		return nil, errors.Join(err, g.Stop(stopping))
	}
	return g, nil
}

func (g *Gateway) start(ctx context.Context) error {
	a := g.assembly
	removeReadyFile(string(a.config.Admin.ReadyFile)) // of a process that was killed
	if err := a.openListeners(ctx); err != nil {
		return err
	}
	a.startAdmin()
	if err := a.openTraces(ctx); err != nil {
		return err
	}
	if err := a.startServices(ctx); err != nil {
		return err
	}
	for _, r := range a.kind.roles {
		if err := r.start(ctx, a); err != nil {
			return err
		}
	}
	a.readiness.Enter(admin.Serving)
	return writeReadyFile(string(a.config.Admin.ReadyFile), g.Info())
}

// Failed is closed when a part of the gateway ended by itself; Err then tells
// which and why. The gateway should be stopped and the process ended.
func (g *Gateway) Failed() <-chan struct{} { return g.assembly.life.failed }

// Err returns the failure after Failed is closed.
func (g *Gateway) Err() error { return g.assembly.life.failure }

// Stop stops everything in order within ctx and [StopTimeout], whichever is
// sooner. It is called once.
func (g *Gateway) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StopTimeout)
	defer cancel()
	a := g.assembly
	a.readiness.Enter(admin.Stopping)
	removeReadyFile(string(a.config.Admin.ReadyFile))
	err := a.life.stop(ctx)
	a.closeListeners()
	return err
}

// Run starts a gateway, calls ready once it is, and stops it when ctx ends or a
// part of it fails, which is the error then.
func Run(ctx context.Context, o Options, ready func(Info)) error {
	starting := time.Now()
	g, err := Start(ctx, o)
	if err != nil {
		return err
	}
	info := g.Info()
	o.Logger.LogAttrs(ctx, slog.LevelInfo, "ready", slog.String("kind", info.Kind), slog.String("version", info.Version),
		slog.Any("servers", info.Servers), durationAttr(starting))
	ready(info)
	var failure error
	select {
	case <-ctx.Done():
		o.Logger.LogAttrs(ctx, slog.LevelInfo, "stopping")
	case <-g.Failed():
		failure = g.Err()
		o.Logger.LogAttrs(ctx, slog.LevelError, "stopping after a failure", slog.Any("error", failure))
	}
	began := time.Now()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
	defer cancel()
	err = g.Stop(stopping)
	o.Logger.LogAttrs(stopping, slog.LevelInfo, "stopped", durationAttr(began))
	return errors.Join(failure, err)
}

// Info is what others need to know of a running gateway.
type Info struct {
	// Version is what the binary was built from, Kind what runs.
	Version string `json:"version"`
	Kind    string `json:"kind"`
	// NodeID and InternetAddress identify the gateway to its peers; empty for a
	// process that does not need the identity.
	NodeID          string `json:"nodeId,omitempty"`
	InternetAddress string `json:"internetAddress,omitempty"`
	// Servers are the addresses, HOST:PORT, on which the open servers listen, by
	// name: admin, cogrpc, pohttp, poweb.
	Servers map[string]string `json:"servers"`
	// DataDir is the folder of all data; empty unless standalone.
	DataDir string `json:"dataDir,omitempty"`
}

// Info describes the gateway.
func (g *Gateway) Info() Info {
	a := g.assembly
	info := Info{
		Version: telemetry.Version(), Kind: a.kind.Name,
		Servers: make(map[string]string), DataDir: a.dataDir,
	}
	if a.identity != nil {
		info.NodeID, info.InternetAddress = a.identity.NodeID(), a.identity.InternetAddress()
	}
	for name, l := range a.listeners {
		info.Servers[name] = dialable(l.Addr())
	}
	return info
}

// dialable returns an address that this machine can connect to: that of the
// loopback interface for a server that listens on every one.
func dialable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	loopback := *tcp
	loopback.IP = net.IPv4(127, 0, 0, 1)
	return loopback.String()
}
