package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"aictl/gitea/lfs"
)

const (
	lfsAtOnce = 100     // objects that are asked about at a time
	lfsAnswer = 8 << 20 // bytes of an answer
	tries     = 4       // of one object
)

// batch asks which objects are to be sent. lfs.ErrNoServer says that there is no LFS at all.
func (u *run) batch(ctx context.Context, objects []lfs.Pointer) ([]lfs.BatchObject, error) {
	ask := lfs.Batch{
		Operation: "upload", Transfers: []string{"basic"}, Ref: &lfs.Ref{Name: "refs/heads/" + u.branch}, HashAlgo: "sha256", Objects: []lfs.BatchObject{},
	}
	for _, o := range objects {
		ask.Objects = append(ask.Objects, lfs.BatchObject{OID: o.OID, Size: o.Size})
	}
	var answer lfs.Answer
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	res, err := u.send(ctx, http.MethodPost, u.URL+"/info/lfs/objects/batch", bytes.NewReader(body), int64(len(body)), map[string]string{"Accept": lfs.MediaType, "Content-Type": lfs.MediaType})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, lfsAnswer))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	jerr := json.Unmarshal(data, &answer)
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusNotImplemented:
		return nil, fmt.Errorf("%w: %s", lfs.ErrNoServer, answer.Message)
	case res.StatusCode >= 400:
		return nil, fmt.Errorf("the LFS server answers %s: %s", res.Status, answer.Message)
	case jerr != nil:
		return nil, fmt.Errorf("the LFS server answers no JSON: %w", jerr)
	}
	return answer.Objects, nil
}

// sendObjects sends the large files of a stage that the server does not have yet.
func (u *run) sendObjects(ctx context.Context, files []entry) error {
	by := map[string]entry{}
	var objects []lfs.Pointer
	for _, e := range files {
		if _, ok := by[e.object.OID]; e.large() && !ok {
			by[e.object.OID] = e
			objects = append(objects, e.object)
		}
	}
	for len(objects) > 0 {
		n := min(len(objects), lfsAtOnce)
		answers, err := u.batch(ctx, objects[:n])
		if err != nil {
			return err
		}
		for _, o := range answers {
			e, ok := by[o.OID]
			if !ok {
				continue
			}
			if err := u.sendObject(ctx, e, o); err != nil {
				return fmt.Errorf("upload %s: %w", e.from, err)
			}
		}
		objects = objects[n:]
	}
	return nil
}

// sendObject sends one object, more than once when the connection breaks off.
func (u *run) sendObject(ctx context.Context, e entry, o lfs.BatchObject) error {
	if o.Error != nil {
		return errors.New("the LFS server refuses it: " + o.Error.Message)
	}
	up := o.Actions["upload"]
	if up == nil { // it is there already
		u.count(e.size)
		u.result.Kept++
		return nil
	}
	pause := time.Second
	for try := 1; ; try++ {
		sent, err := u.putObject(ctx, e, up)
		if err == nil {
			break
		}
		u.count(-sent)
		var final *refusal
		if try == tries || errors.As(err, &final) || errors.Is(err, ErrChanged) || ctx.Err() != nil {
			return err
		}
		u.say("again: " + e.path)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause *= 3
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	u.result.Objects++
	if verify := o.Actions["verify"]; verify != nil {
		return u.verify(ctx, e.object, verify)
	}
	return nil
}

// refusal is an answer that will not change.
type refusal struct {
	status string
	text   string
}

func (r *refusal) Error() string { return "the server answers " + r.status + ": " + r.text }

func refused(res *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	err = errors.Join(err, res.Body.Close())
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 500 && res.StatusCode != http.StatusInsufficientStorage || res.StatusCode == http.StatusTooManyRequests:
		return errors.New("the server answers " + res.Status)
	}
	return &refusal{res.Status, strings.TrimSpace(string(text))}
}

func (u *run) putObject(ctx context.Context, e entry, up *lfs.Action) (int64, error) {
	var sent atomic.Int64 // the transport reads on for a moment after it has failed
	f, err := os.Open(e.from)
	if err != nil {
		return 0, err
	}
	body := &reading{Reader: io.LimitReader(f, e.size), ctx: ctx, count: func(n int64) { sent.Add(n); u.count(n) }}
	header := map[string]string{"Content-Type": "application/octet-stream"}
	for k, v := range up.Header {
		header[k] = v
	}
	res, err := u.send(ctx, http.MethodPut, up.Href, body, e.size, header)
	if err == nil && res.StatusCode >= 400 {
		err = refused(res)
	} else if err == nil {
		err = res.Body.Close()
	}
	err = errors.Join(err, f.Close())
	return sent.Load(), err
}

func (u *run) verify(ctx context.Context, o lfs.Pointer, at *lfs.Action) error {
	body, err := json.Marshal(lfs.BatchObject{OID: o.OID, Size: o.Size})
	if err != nil {
		return err
	}
	header := map[string]string{"Accept": lfs.MediaType, "Content-Type": lfs.MediaType}
	for k, v := range at.Header {
		header[k] = v
	}
	res, err := u.send(ctx, http.MethodPost, at.Href, bytes.NewReader(body), int64(len(body)), header)
	if err != nil {
		return err
	}
	if res.StatusCode >= 400 {
		return refused(res)
	}
	return res.Body.Close()
}

// send sends a request; what goes to the repository's own server has its credentials.
func (u *run) send(ctx context.Context, method, url string, body io.Reader, size int64, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, io.NopCloser(body))
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
	}
	for k, v := range header {
		if !strings.EqualFold(k, "Transfer-Encoding") {
			req.Header.Set(k, v)
		}
	}
	if u.Authorization != "" && lfs.Within(u.Origin, url) {
		req.Header.Set("Authorization", u.Authorization)
	}
	res, err := u.http.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return res, err
}
