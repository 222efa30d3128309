// Package httpscript runs golden tests of HTTP servers. A script is a text file
// of exchanges: each request as it goes over the wire, and the exact answer.
//
//	# What this exchange shows.
//	> POST / HTTP/1.1
//	> Content-Type: text/plain
//	>
//	> ${name}
//	< HTTP/1.1 202 Accepted
//	< Content-Length: 0
//
// ${name} stands for octets that the test provides. Host and Content-Length are
// added to requests that lack them. In answers, Date and the request id are
// masked, and so are a body that is no text and its length. Every exchange has a
// connection of its own. With -update the answers are written anew.
package httpscript

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers of HTTP scripts anew")

// exchange is a request and its answer, both without their marks.
type exchange struct {
	comment, request, answer string
}

// Run runs the script in a file against the server at address, each exchange as
// a subtest.
func Run(t *testing.T, file, address string, values map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exchanges := parse(string(text))
	for i := range exchanges {
		e := &exchanges[i]
		t.Run(strings.TrimPrefix(e.comment, "# "), func(t *testing.T) {
			got := send(t, address, expand(t, e.request, values))
			if *update {
				e.answer = got
			} else if diff := cmp.Diff(e.answer, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, []byte(format(exchanges)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parse(text string) []exchange {
	var exchanges []exchange
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			exchanges = append(exchanges, exchange{comment: line})
		}
		if len(exchanges) == 0 {
			continue
		}
		e := &exchanges[len(exchanges)-1]
		if content, ok := strings.CutPrefix(line, ">"); ok {
			e.request += strings.TrimPrefix(content, " ") + "\n"
		} else if content, ok := strings.CutPrefix(line, "<"); ok {
			e.answer += strings.TrimPrefix(content, " ") + "\n"
		}
	}
	return exchanges
}

func format(exchanges []exchange) string {
	var b strings.Builder
	for i, e := range exchanges {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.comment + "\n" + mark(">", e.request) + mark("<", e.answer))
	}
	return b.String()
}

func mark(with, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(with+" "+line, " \n") + "\n")
	}
	return b.String()
}

var placeholder = regexp.MustCompile(`\$\{([a-z-]+)\}`)

// expand returns the request's octets.
func expand(t *testing.T, request string, values map[string][]byte) []byte {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	fill := func(text string) []byte {
		return placeholder.ReplaceAllFunc([]byte(text), func(match []byte) []byte {
			name := string(match[2 : len(match)-1])
			value, ok := values[name]
			if !ok {
				t.Fatalf("the script wants ${%s}", name)
			}
			return value
		})
	}
	content := fill(strings.TrimSuffix(body, "\n"))
	head = strings.TrimSuffix(head, "\n")
	if !strings.Contains(head, "Host:") {
		head += "\nHost: test"
	}
	if !strings.Contains(head, "Content-Length:") && !strings.Contains(head, "Transfer-Encoding:") {
		head += fmt.Sprintf("\nContent-Length: %d", len(content))
	}
	return append(fill(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"), content...)
}

// send sends a request over a connection of its own and returns the answer in
// the form of scripts.
func send(t *testing.T, address string, request []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer, and close, before it has read all.
	go func() { _, _ = conn.Write(request) }()
	method, _, _ := strings.Cut(string(request), " ")
	var raw bytes.Buffer
	answer, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &raw)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("incomplete answer: %v", err)
	}
	head, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
	return render(head, body)
}

var contentLength = regexp.MustCompile(`(?m)^Content-Length: .*$`)

var masked = regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*$`)

func render(head string, body []byte) string {
	text := masked.ReplaceAllString(strings.ReplaceAll(head, "\r\n", "\n"), "$1: *") + "\n"
	switch {
	case len(body) == 0:
		return text
	case utf8.Valid(body):
		return text + "\n" + strings.TrimSuffix(string(body), "\n") + "\n"
	default:
		return contentLength.ReplaceAllString(text, "Content-Length: *") + "\n[octets]\n"
	}
}
