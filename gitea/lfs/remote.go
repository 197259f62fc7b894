package lfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a server may say and how long it may take.
const (
	batchObjects = 100
	batchBytes   = 8 << 20
	maxRedirects = 5
	saidBytes    = 1 << 10
)

// Remote is the LFS server of one repository.
type Remote struct {
	Endpoint string // https://git.example.com/a/b.git/info/lfs
	// Authorization is the header for addresses that begin with Scope, and is sent to no other. "" is to be nobody.
	Authorization string
	Scope         string        // scheme, host and the first part of a path, ending in /
	Stall         time.Duration // without a byte, after which an answer is given up; 0 is a minute
	Transport     http.RoundTripper
	// Pause is how long is waited before what failed is tried again, twice that the next time; 0 is a second.
	Pause time.Duration
}

// Within reports whether an address is the scope's or below it.
func Within(scope, raw string) bool {
	s, err1 := url.Parse(scope)
	u, err2 := url.Parse(raw)
	if err1 != nil || err2 != nil || s.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == s.Scheme && strings.EqualFold(u.Host, s.Host) && strings.HasPrefix(u.EscapedPath(), strings.TrimRight(s.EscapedPath(), "/")+"/") &&
		!strings.Contains(u.Path, "..")
}

// batch asks where objects can be had. An object that cannot be had has an error instead.
func (r *Remote) batch(ctx context.Context, objects []Pointer) (map[string]Action, map[string]error, error) {
	ask := Batch{Operation: "download", Transfers: []string{"basic"}, HashAlgo: "sha256"}
	for _, p := range objects {
		ask.Objects = append(ask.Objects, BatchObject{OID: p.OID, Size: p.Size})
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequest(http.MethodPost, r.Endpoint+"/objects/batch", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", MediaType)
	req.Header.Set("Content-Type", MediaType)
	r.authorize(req)
	res, err := r.do(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, r.refusal(res)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, batchBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var answer Answer
	if err := json.Unmarshal(data, &answer); err != nil || len(data) > batchBytes {
		return nil, nil, fmt.Errorf("%w: its answer is no LFS batch", ErrNoServer)
	}
	if answer.Transfer != "" && answer.Transfer != "basic" {
		return nil, nil, fmt.Errorf("%w: it offers the transfer %.40q, and only basic is known", ErrUnreachable, answer.Transfer)
	}
	return answer.read(objects)
}

// read takes what was asked for from an answer, and nothing else.
func (a *Answer) read(objects []Pointer) (map[string]Action, map[string]error, error) {
	where, faults := map[string]Action{}, map[string]error{}
	for _, p := range objects {
		faults[p.OID] = fmt.Errorf("object %s: %w", short(p.OID), ErrMissing)
	}
	for _, o := range a.Objects {
		if _, asked := faults[o.OID]; !asked {
			continue
		}
		switch {
		case o.Error != nil && (o.Error.Code == http.StatusNotFound || o.Error.Code == http.StatusGone):
		case o.Error != nil:
			faults[o.OID] = fmt.Errorf("object %s: %w: %.200s (%d)", short(o.OID), ErrUnreachable, o.Error.Message, o.Error.Code)
		case o.Actions["download"] != nil:
			where[o.OID] = *o.Actions["download"]
		}
	}
	for oid := range where {
		delete(faults, oid)
	}
	return where, faults, nil
}

// authorize adds the credentials where they belong.
func (r *Remote) authorize(req *http.Request) {
	if r.Authorization != "" && req.Header.Get("Authorization") == "" && Within(r.Scope, req.URL.String()) {
		req.Header.Set("Authorization", r.Authorization)
	}
}

// refusal is what a status that is not OK means for the whole repository.
func (r *Remote) refusal(res *http.Response) error {
	said, err := io.ReadAll(io.LimitReader(res.Body, saidBytes))
	if err != nil {
		said = nil // the status is what counts
	}
	var doc struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(said, &doc) != nil {
		doc.Message = ""
	}
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w (status %d)", ErrDenied, res.StatusCode)
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return fmt.Errorf("%w, or not this repository (status %d)", ErrNoServer, res.StatusCode)
	}
	return fmt.Errorf("%w: status %d: %s", ErrUnreachable, res.StatusCode, doc.Message)
}

// content is an object's content at the place that an action names.
func (r *Remote) content(p Pointer, at Action) Content {
	return func(ctx context.Context, offset int64) (io.ReadCloser, int64, error) {
		req, err := http.NewRequest(http.MethodGet, r.own(at.Href, p), nil)
		if err != nil || req.URL.Host == "" {
			return nil, 0, fmt.Errorf("%w: it names no address for object %s", ErrUnreachable, short(p.OID))
		}
		for k, v := range at.Header {
			if !reserved[http.CanonicalHeaderKey(k)] {
				req.Header.Set(k, v)
			}
		}
		r.authorize(req)
		if offset > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		}
		req.Header.Set("Accept-Encoding", "identity") // of bytes that are counted
		res, err := r.do(ctx, req)
		if err != nil {
			return nil, 0, err
		}
		switch res.StatusCode {
		case http.StatusOK:
			return res.Body, 0, nil
		case http.StatusPartialContent:
			return res.Body, begins(res.Header.Get("Content-Range")), nil
		}
		return nil, 0, errors.Join(r.objectRefusal(p, res), res.Body.Close())
	}
}

// own is an object's address as seen from here: a forge behind a proxy often believes to have another address than it is
// reached at. Addresses of other stores stay as they are.
func (r *Remote) own(href string, p Pointer) string {
	u, err1 := url.Parse(href)
	e, err2 := url.Parse(r.Endpoint)
	if err1 != nil || err2 != nil {
		return href
	}
	parts := strings.Split(strings.Trim(e.EscapedPath(), "/"), "/")
	tail := "/" + strings.Join(parts[max(0, len(parts)-4):], "/") // owner/name.git/info/lfs
	if len(parts) < 4 || !strings.HasSuffix(u.EscapedPath(), tail+"/objects/"+p.OID) {
		return href
	}
	return r.Endpoint + "/objects/" + p.OID
}

// trusted reports whether the server is the one that the credentials are for.
func (r *Remote) trusted() bool { return r.Authorization != "" && Within(r.Scope, r.Endpoint) }

// prove has the server send an object, and keeps nothing of it.
func (r *Remote) prove(ctx context.Context, p Pointer, at Action) error {
	body, _, err := r.content(p, at)(ctx, 0)
	if err != nil {
		return err
	}
	return errors.Join(sumUp(ctx, p, io.LimitReader(body, p.Size+1), io.Discard), body.Close())
}

// objectRefusal is what a status means for one object, whose address may have expired.
func (r *Remote) objectRefusal(p Pointer, res *http.Response) error {
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone {
		return fmt.Errorf("object %s: %w (status %d)", short(p.OID), ErrMissing, res.StatusCode)
	}
	return fmt.Errorf("object %s: %w: status %d", short(p.OID), ErrUnreachable, res.StatusCode)
}

// reserved are headers that a server cannot set for a request to come.
var reserved = map[string]bool{"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Range": true, "Accept-Encoding": true, "Proxy-Authorization": true}

// begins reads "bytes 5-9/10"; -1 is none.
func begins(contentRange string) int64 {
	rest, ok := strings.CutPrefix(contentRange, "bytes ")
	first, _, ok2 := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if !ok || !ok2 || err != nil {
		return -1
	}
	return n
}
