package resolver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/miekg/dns"
)

// dnsMessage is the media type of RFC 8484 §6.
const dnsMessage = "application/dns-message"

// DoH asks a resolver over HTTPS, by POST of the wire format (RFC 8484).
type DoH struct {
	url    string
	client *http.Client
}

// NewDoH returns an exchanger with the DoH resolver at url. The client's
// transport decides about TLS, proxies and time.
func NewDoH(url string, client *http.Client) *DoH { return &DoH{url: url, client: client} }

// Exchange posts the question.
func (d *DoH) Exchange(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	wire, err := question.Pack()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(wire))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", dnsMessage)
	request.Header.Set("Accept", dnsMessage)
	response, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, dns.MaxMsgSize+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the DoH resolver answers with HTTP status %d", response.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != dnsMessage {
		return nil, fmt.Errorf("the DoH resolver answers with %q", response.Header.Get("Content-Type"))
	}
	return unpack(body)
}

func unpack(wire []byte) (*dns.Msg, error) {
	reply := new(dns.Msg)
	if err := reply.Unpack(wire); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return reply, nil
}
