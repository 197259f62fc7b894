package giteatest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what Gitea sends
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Delivery is what became of one delivery of a hook. It was tried once: Gitea does not try again.
type Delivery struct {
	ID     string // X-Gitea-Delivery
	Hook   int64
	Event  string // push, create, delete, pull_request
	URL    string
	Header http.Header
	Body   []byte // as it was sent
	Status int    // of the answer; 0 when there was none
	Err    string // why there was none
}

// delivery waits to be sent.
type delivery struct {
	Delivery
	json   []byte
	form   bool
	secret string
	kind   string // X-Gitea-Event-Type
}

// fire queues a delivery for every hook that wants the event; the lock is held.
func (r *Repo) fire(event, kind, branch string, payload any) {
	for _, h := range r.hooks {
		if h.wants(kind, branch) {
			r.s.send(h, event, kind, payload)
		}
	}
}

// send queues one delivery; the lock is held.
func (s *Server) send(h *hook, event, kind string, payload any) {
	body, err := json.MarshalIndent(payload, "", "  ")
	if err != nil {
		panic(err)
	}
	d := &delivery{Delivery: Delivery{ID: uuid(), Hook: h.ID, Event: event, URL: h.Config["url"]}, json: body, form: h.Config["content_type"] == "form", secret: h.secret, kind: kind}
	s.queue = append(s.queue, d)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// deliver sends what is queued, one after the other, until the returned function is called.
func (s *Server) deliver() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	transport := &http.Transport{DialContext: (&net.Dialer{Control: s.allowed}).DialContext}
	client := &http.Client{Timeout: s.opts.DeliverTimeout, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	go func() {
		defer close(done)
		for {
			for d := s.next(); d != nil; d = s.next() {
				d.try(ctx, client)
				client.CloseIdleConnections() // so that each address is looked at anew
				s.mu.Lock()
				s.deliveries = append(s.deliveries, d.Delivery)
				s.mu.Unlock()
			}
			select {
			case <-s.wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		transport.CloseIdleConnections()
	}
}

func (s *Server) next() *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	return d
}

func (d *delivery) try(ctx context.Context, client *http.Client) {
	d.Body, d.Header = d.json, http.Header{"Content-Type": {"application/json"}}
	if d.form {
		d.Body = []byte(url.Values{"payload": {string(d.json)}}.Encode())
		d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	d.sign()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		d.Err = err.Error()
		return
	}
	req.Header = d.Header.Clone()
	res, err := client.Do(req)
	if err != nil {
		d.Err = err.Error()
		return
	}
	defer res.Body.Close()
	d.Status = res.StatusCode
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)); err != nil {
		d.Err = err.Error()
	}
}

// sign sets the headers as they were recorded. The signature is that of the JSON, also when a form is sent, and empty without a secret.
func (d *delivery) sign() {
	var sum1, sum256 string
	if d.secret != "" {
		sum1, sum256 = mac(sha1.New, d.secret, d.json), mac(sha256.New, d.secret, d.json)
	}
	for _, name := range []string{"Gitea", "Gogs", "GitHub"} {
		d.Header["X-"+name+"-Delivery"] = []string{d.ID}
		d.Header["X-"+name+"-Event"] = []string{d.Event}
		d.Header["X-"+name+"-Event-Type"] = []string{d.kind}
		if name != "GitHub" {
			d.Header["X-"+name+"-Signature"] = []string{sum256}
		}
	}
	d.Header["X-Hub-Signature"] = []string{"sha1=" + sum1}
	d.Header["X-Hub-Signature-256"] = []string{"sha256=" + sum256}
}

func mac(h func() hash.Hash, secret string, body []byte) string {
	m := hmac.New(h, []byte(secret))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func uuid() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// allowed is ALLOWED_HOST_LIST, asked when the address is known.
func (s *Server) allowed(_, address string, _ syscall.RawConn) error {
	s.mu.Lock()
	list := s.opts.AllowedHosts
	s.mu.Unlock()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	for _, entry := range strings.Split(list, ",") {
		entry = strings.TrimSpace(entry)
		network, notNetwork := netip.ParsePrefix(entry)
		matched, notPattern := path.Match(entry, ip.String())
		switch {
		case entry == "*", entry == "loopback" && ip.IsLoopback(), entry == "private" && ip.IsPrivate(),
			entry == "external" && !ip.IsLoopback() && !ip.IsPrivate() && ip.IsGlobalUnicast(),
			notNetwork == nil && network.Contains(ip), notPattern == nil && matched:
			return nil
		}
	}
	return errors.New("webhook can only call allowed HTTP servers (check your webhook.ALLOWED_HOST_LIST setting), deny '" + address + "'")
}

// SetAllowedHosts changes webhook.ALLOWED_HOST_LIST.
func (s *Server) SetAllowedHosts(list string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.AllowedHosts = list
}

// Deliveries are those that were tried, in order.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// WaitDeliveries waits until n deliveries were tried, and returns all that were.
func (s *Server) WaitDeliveries(t testing.TB, n int) []Delivery {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		all := s.Deliveries()
		if len(all) >= n {
			return all
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d deliveries were tried, want %d", len(all), n)
		}
	}
}
