package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// onward is what an instance was sent: requests as a parser reads them that allows nothing doubtful.
type onward struct {
	mu       sync.Mutex
	requests []string // path and body
	doubts   []error
	said     map[string]int // by the gateway, so often more than they came: an instance may read what was given up meanwhile
}

func (o *onward) serve(conn net.Conn) {
	br := bufio.NewReader(conn)
	for {
		request, err := strictRequest(br)
		if err == io.EOF {
			return
		}
		o.mu.Lock()
		var broken *net.OpError
		switch {
		case err == nil:
			o.requests = append(o.requests, request)
		case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &broken): // a client that breaks off breaks its request off
			o.doubts = append(o.doubts, err)
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// take returns what came since it was last asked.
func (o *onward) take() (requests []string, doubts []error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests, doubts = o.requests, o.doubts
	o.requests, o.doubts = nil, nil
	return requests, doubts
}

// strictRequest reads one request. Every line ends with CR LF and has no other control character, names are tokens, and one field alone says how
// long the body is.
func strictRequest(br *bufio.Reader) (string, error) {
	first, err := strictLine(br)
	if err != nil {
		return "", err
	}
	words := strings.Split(first, " ")
	if len(words) != 3 || words[2] != "HTTP/1.1" || !strings.HasPrefix(words[1], "/") {
		return "", fmt.Errorf("request line %q", first)
	}
	lengths, chunked := []string{}, 0
	for {
		line, err := strictLine(br)
		if err != nil {
			return "", noEOF(err)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok || name == "" || strings.ContainsAny(name, " \t\"(),/:;<=>?@[\\]{}") {
			return "", fmt.Errorf("header line %q", line)
		}
		switch strings.ToLower(name) {
		case "content-length":
			lengths = append(lengths, value)
		case "transfer-encoding":
			if value != "chunked" {
				return "", fmt.Errorf("transfer encoding %q", value)
			}
			chunked++
		}
	}
	if len(lengths)+chunked > 1 {
		return "", fmt.Errorf("lengths %q and %d times chunked", lengths, chunked)
	}
	var body []byte
	switch {
	case chunked > 0:
		if body, err = io.ReadAll(httputil.NewChunkedReader(br)); err == nil {
			for line := "x"; line != "" && err == nil; {
				line, err = strictLine(br) // trailers
			}
		}
	case len(lengths) > 0:
		n, atoi := strconv.ParseUint(lengths[0], 10, 31)
		if atoi != nil {
			return "", atoi
		}
		body = make([]byte, n)
		_, err = io.ReadFull(br, body)
	}
	return fmt.Sprintf("%s %q", words[1], body), noEOF(err)
}

func strictLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadString('\n')
	if err != nil {
		if line != "" {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", fmt.Errorf("line %q", line)
	}
	return text, nil
}

var smugglers = []string{
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nGET /ai/svc/smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\vchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nX: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nX: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nX: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 05\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
	"POST %s HTTP/1.1\r\nHost: h\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h@i/x\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\nX\x00Y: 1\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\nX: a\x7fb\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n",
	"GET %s HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET  %s HTTP/1.1\r\nHost: h\r\n\r\n",
	"G\x01T %s HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET %s HTTP/1.2\r\nHost: h\r\n\r\n",
	"GET %s\r\n\r\n",
	"GET http://other/ai/svc/p HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET http://u:p@other:99/ai/svc/p HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET //h/ai/svc/p HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET %s#frag HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET %s?a\tb HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /ai/svc/smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
	"HEAD %s HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nGET /ai/svc/smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
}

// smuggle sends bytes as a client would and compares what the instance read with what the gateway says that it passed on.
func smuggle(t *testing.T, g *rig, o *onward, request []byte) {
	_, before := g.rec.counts()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Write(request)
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
	}
	var reset *net.OpError
	if err != nil && !errors.As(err, &reset) {
		t.Fatal(err)
	}
	requests, doubts := o.take()
	waitFor(t, "all that were admitted to end", func() bool { a, n := g.rec.counts(); return a == n })
	for _, doubt := range doubts {
		t.Errorf("%q: the instance was sent a %v", request, doubt)
	}
	g.rec.mu.Lock()
	defer g.rec.mu.Unlock()
	for _, x := range g.rec.ended[before:] {
		path := x.Path
		if x.Query != "" {
			path += "?" + x.Query
		}
		o.said[fmt.Sprintf("%s %q", path, x.Request.Body)]++
	}
	for _, r := range requests {
		if o.said[r]--; o.said[r] < 0 {
			t.Errorf("%q: the instance read %s, which the gateway did not mean", request, r)
		}
	}
}

func smuggleRig(t testing.TB) (*rig, *onward) {
	o := &onward{said: map[string]int{}}
	g := newRig(t, Options{})
	g.route(t, rawConns(t, o.serve))
	return g, o
}

// Whatever a client sends, the instance reads the requests that the gateway passed on, one for one, and nothing that could be read otherwise.
func TestNothingIsSmuggled(t *testing.T) {
	g, o := smuggleRig(t)
	for _, s := range smugglers {
		for _, target := range []string{"/ai/svc/p", "http://h/ai/svc/p"} {
			smuggle(t, g, o, bytes.ReplaceAll([]byte(s), []byte("%s"), []byte(target)))
		}
	}
}

func FuzzSmuggling(f *testing.F) {
	for _, s := range smugglers {
		f.Add([]byte(strings.ReplaceAll(s, "%s", "/ai/svc/p")))
	}
	g, o := smuggleRig(f)
	f.Fuzz(func(t *testing.T, request []byte) { smuggle(t, g, o, request) })
}
