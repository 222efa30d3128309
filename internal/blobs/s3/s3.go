// Package s3 keeps blobs in one bucket of an S3-compatible object store.
//
// Keys are the object names; the expiry is the user metadata parcel-expiry, as
// in the reference implementation. Meta.IfAbsent needs a server that honours
// "If-None-Match: *" on PUT (Amazon S3, MinIO, versitygw do); one that ignores
// it would silently replace, which the conformance suite shows.
//
// Durability is the server's: a PUT that it confirmed counts as durable.
//
// A request is never repeated here: repeating a conditional PUT whose answer was
// lost would report our own object as somebody else's. Instead each object
// carries the id of the Put that made it, and when the answer to a conditional
// PUT is lost, or says that the key is taken, the store looks whose object is
// there. Losing that answer is not rare: a server may refuse and hang up while a
// large body is still being sent.
package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"awala.network/gateway/internal/blobs"
)

// Options name a bucket and how to get there.
type Options struct {
	// Endpoint is the server's host, with ":port" unless it is the usual one.
	Endpoint string
	// Insecure speaks HTTP instead of HTTPS.
	Insecure bool
	// AccessKey and SecretKey identify the account.
	AccessKey, SecretKey string
	// Region is the bucket's region; "" asks the server at first use.
	Region string
	// Bucket is the bucket's name.
	Bucket string
	// CAFile, if not empty, is a PEM file of the authorities to trust in place of the
	// system's. A Transport has its own.
	CAFile string
	// Transport carries the requests; nil means one of the store's own, with
	// enough kept-alive connections for a busy gateway.
	Transport http.RoundTripper
}

// Store is a blobs.Store. Make one with New.
type Store struct {
	client *minio.Core
	bucket string
	region string
	// transport carries the requests, also those that are not the client's.
	transport http.RoundTripper
	idle      interface{ CloseIdleConnections() } // nil if the transport is not ours
}

var _ blobs.Store = (*Store)(nil)

// New returns the store in a bucket, without asking the server anything.
func New(o Options) (*Store, error) {
	if o.Bucket == "" {
		return nil, errors.New("object store: no bucket named")
	}
	s := &Store{bucket: o.Bucket, region: o.Region}
	if o.Transport == nil {
		own, err := Transport(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("object store: %w", err)
		}
		o.Transport, s.idle = own, own
	}
	s.transport = o.Transport
	client, err := minio.NewCore(o.Endpoint, &minio.Options{
		Creds:      credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""),
		Secure:     !o.Insecure,
		Region:     o.Region,
		Transport:  o.Transport,
		MaxRetries: 1, // that is: none
	})
	if err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	s.client = client
	return s, nil
}

// Transport is what carries the requests unless Options say otherwise. It has the defaults of net/http with more connections to the one
// host there is, and a limit on waiting for a server that stopped answering.
func Transport(caFile string) (*http.Transport, error) {
	roots, err := rootsIn(caFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
	}, nil
}

// rootsIn reads a PEM file; without one it returns nil, which means the system's
// authorities.
func rootsIn(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorities to trust: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return roots, nil
}

// Close drops idle connections, unless Options.Transport made them.
func (s *Store) Close() error {
	if s.idle != nil {
		s.idle.CloseIdleConnections()
	}
	return nil
}
