// Command ferretdb serves the MongoDB wire protocol over a PostgreSQL database, for the
// tests of the document store's MongoDB adapter, or over SQLite files (if it is built with
// them), to stand in for MongoDB in a container.
//
// FerretDB's own command refuses to start when it is built from its published
// module (a generated file is missing there); its embeddable package does not
// need that file, so this is the smallest command around it. It is a test
// server: it is not atomic under concurrent writers. Clients authenticate by PLAIN,
// and PostgreSQL judges their name and password, unless its URL has some. With SQLite
// anybody may come.
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
	config := ferretdb.Config{
		Handler: "postgresql",
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	listener := &config.Listener
	flag.StringVar(&listener.TCP, "listen", "", "address to listen on without TLS")
	flag.StringVar(&listener.TLS, "listen-tls", "", "address to listen on with TLS")
	flag.StringVar(&listener.TLSCertFile, "tls-cert", "", "PEM file of the server's certificate")
	flag.StringVar(&listener.TLSKeyFile, "tls-key", "", "PEM file of the server's key")
	flag.StringVar(&config.PostgreSQLURL, "postgresql-url", "", "PostgreSQL URL of the database to keep documents in")
	flag.StringVar(&config.SQLiteURL, "sqlite-url", "", "folder to keep documents in, as file:FOLDER/")
	flag.Parse()
	if config.SQLiteURL != "" {
		config.Handler = "sqlite"
	}
	if err := serve(&config); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

// serve runs the server until SIGINT or SIGTERM.
func serve(config *ferretdb.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := ferretdb.New(config)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
