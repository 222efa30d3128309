package admin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Relay answers requests to an admin server with the parts of this process and, for
// those that it does not have, with the admin servers of peers, one after the other.
// The host of a request does not matter. It is safe for concurrent use.
type Relay struct {
	// Local are the parts of this process.
	Local []*Mount
	// Peers are URLs of admin servers, which get the Token unless it is empty.
	Peers []string
	Token string
	// Remote makes the requests to peers.
	Remote http.RoundTripper
}

var _ http.RoundTripper = (*Relay)(nil)

// RoundTrip returns the answer of the first who has what is asked for, or else the
// last answer or error.
func (r *Relay) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := readBody(request)
	if err != nil {
		return nil, err
	}
	answer, err := r.local(request, body)
	for _, peer := range r.Peers {
		if !elsewhere(answer, err) {
			break
		}
		if answer != nil {
			_ = answer.Body.Close() // only the next answer counts
		}
		answer, err = r.ask(peer, request, body)
	}
	return answer, err
}

// elsewhere tells that another process may know more.
func elsewhere(answer *http.Response, err error) bool {
	return err != nil || answer.StatusCode == http.StatusMisdirectedRequest || answer.Header.Get(headerNotHere) != ""
}

func readBody(request *http.Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	return body, errors.Join(err, request.Body.Close())
}

func (r *Relay) ask(peer string, request *http.Request, body []byte) (*http.Response, error) {
	base, err := url.Parse(peer)
	if err != nil {
		return nil, err
	}
	forwarded := request.Clone(request.Context())
	forwarded.URL.Scheme, forwarded.URL.Host, forwarded.Host = base.Scheme, base.Host, base.Host
	forwarded.URL.Path = strings.TrimSuffix(base.Path, "/") + request.URL.Path
	forwarded.Body, forwarded.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if r.Token != "" {
		forwarded.Header.Set("Authorization", "Bearer "+r.Token)
	}
	return r.Remote.RoundTrip(forwarded)
}

// local lets the part answer that the path belongs to. The handler runs until it is
// done, or fails to write because the answer's body was closed.
func (r *Relay) local(request *http.Request, body []byte) (*http.Response, error) {
	for _, m := range r.Local {
		if request.URL.Path != m.Path && !strings.HasPrefix(request.URL.Path, m.Path+"/") {
			continue
		}
		inner := request.Clone(request.Context())
		inner.Body = io.NopCloser(bytes.NewReader(body))
		reader, writer := io.Pipe()
		w := &pipeWriter{header: make(http.Header), body: writer, began: make(chan struct{})}
		go func() {
			defer w.end()
			m.ServeHTTP(w, inner)
		}()
		<-w.began
		return &http.Response{
			Status: http.StatusText(w.status), StatusCode: w.status, Header: w.sent, Body: reader, Request: request,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
		}, nil
	}
	return nil, errors.New("this process has no part for " + request.URL.Path)
}

// pipeWriter is the writing end of an answer that never was on a network.
type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter

	once   sync.Once
	began  chan struct{} // closed when what follows is set
	status int
	sent   http.Header
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.began)
	})
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush has nothing to do: a pipe keeps nothing back.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// end ends the answer. That a handler panics is no more than a broken answer, as it
// is in a server.
func (w *pipeWriter) end() {
	err := error(nil)
	if p := recover(); p != nil {
		w.WriteHeader(http.StatusInternalServerError)
		err = fmt.Errorf("the handler panicked: %v", p)
	}
	w.WriteHeader(http.StatusOK)
	_ = w.body.CloseWithError(err)
}
