// Command ferretdb serves the MongoDB wire protocol over a PostgreSQL database,
// for the tests of the document store's MongoDB adapter.
//
// FerretDB's own command refuses to start when it is built from its published
// module (a generated file is missing there); its embeddable package does not
// need that file, so this is the smallest command around it. It is a test
// server: it is not atomic under concurrent writers. Clients authenticate by PLAIN,
// and PostgreSQL judges their name and password, unless its URL has some.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	var listener ferretdb.ListenerConfig
	flag.StringVar(&listener.TCP, "listen", "", "address to listen on without TLS")
	flag.StringVar(&listener.TLS, "listen-tls", "", "address to listen on with TLS")
	flag.StringVar(&listener.TLSCertFile, "tls-cert", "", "PEM file of the server's certificate")
	flag.StringVar(&listener.TLSKeyFile, "tls-key", "", "PEM file of the server's key")
	postgres := flag.String("postgresql-url", "", "PostgreSQL URL of the database to keep documents in")
	flag.Parse()
	if err := serve(listener, *postgres); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

// serve runs the server until SIGINT or SIGTERM.
func serve(listener ferretdb.ListenerConfig, postgres string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      listener,
		Handler:       "postgresql",
		PostgreSQLURL: postgres,
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
