package autodeploy

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"aictl/store"
)

const (
	// maxBody bounds a delivery, in bytes.
	maxBody = 1 << 20
	// bodyTime is how long a delivery may take to arrive. Gitea itself gives up after 5 s.
	bodyTime = 10 * time.Second
	// readers bounds the bodies that are read at a time, and with them the memory that strangers can take.
	readers = 32
	// maxID bounds the id of a delivery, in bytes.
	maxID = 200
)

// Hooks is where deliveries arrive: the path that Receiver answers.
const Hooks = "/hooks/"

// refusal is an answer to a delivery that is not taken.
type refusal struct {
	status int
	why    string
}

func (r refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Sprintf(format, args...)}
}

// accepted is the answer to a delivery that is stored.
type accepted struct {
	ID       int64 `json:"id,omitempty"`
	Known    bool  `json:"known,omitempty"`    // it was stored before: nothing is done
	Repeated bool  `json:"repeated,omitempty"` // its body was delivered before under another id
}

// ServeHTTP takes deliveries at /hooks/gitea, /hooks/github and /hooks/gitlab. A genuine one is stored before it is answered with 202;
// what comes of it is worked out afterwards. Forges do not try again, so that nothing is ever put off with 429.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got, err := e.receive(w, r)
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusAccepted
	var answer any = got
	if err != nil {
		var no refusal
		if !errors.As(err, &no) {
			e.log.Error("delivery not stored", "path", r.URL.Path, "err", err)
			no = refusal{http.StatusInternalServerError, "the delivery could not be stored; the daemon's log says why"}
		}
		e.refused.add(Refusal{At: e.Now(), From: host(r), Path: cut(r.URL.Path, maxName), Event: e.eventOf(r), Status: no.status, Why: no.why})
		status, answer = no.status, map[string]any{"status": no.status, "title": http.StatusText(no.status), "detail": no.why}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Connection", "close") // the rest of its body is not waited for
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.log.Debug("answer to a delivery not taken", "err", err)
	}
}

func (e *Engine) receive(w http.ResponseWriter, r *http.Request) (accepted, error) {
	kind := strings.Trim(strings.TrimPrefix(r.URL.Path, Hooks), "/")
	d, ok := dialects[kind]
	signature, err := e.precheck(r, d, ok)
	if err != nil {
		return accepted{}, err
	}
	body, err := e.read(w, r)
	if err != nil {
		return accepted{}, err
	}
	secrets, err := e.Secrets(r.Context(), kind)
	if err != nil {
		return accepted{}, err
	}
	by, ok := d.signer(signature, secrets, body)
	if !ok {
		return accepted{}, refuse(http.StatusUnauthorized, "the signature is of no secret that is known here; `aictl gitea hook` sets the right one")
	}
	event := r.Header.Get(d.event)
	t, err := d.parse(event, body)
	if err != nil {
		return accepted{}, refuse(http.StatusBadRequest, "%s", err)
	}
	return e.keep(r, kind, by, event, body, t)
}

// precheck refuses what needs no body to be refused.
func (e *Engine) precheck(r *http.Request, d dialect, known bool) (signature string, err error) {
	switch media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case !known:
		return "", refuse(http.StatusNotFound, "there is no %s: hooks are %sgitea, %sgithub and %sgitlab", r.URL.Path, Hooks, Hooks, Hooks)
	case r.Method != http.MethodPost:
		return "", refuse(http.StatusMethodNotAllowed, "deliveries are sent by POST")
	case err != nil || media != "application/json":
		return "", refuse(http.StatusUnsupportedMediaType, "the content type is %.100q: set it to application/json in the webhook's settings (`aictl gitea hook` does so)", r.Header.Get("Content-Type"))
	case r.Header.Get(d.event) == "" || len(r.Header.Get(d.event)) > maxID:
		return "", refuse(http.StatusBadRequest, "the header %s does not say what happened", d.event)
	case r.ContentLength > maxBody:
		return "", tooLarge()
	}
	if signature = d.signature(r.Header); signature == "" {
		return "", refuse(http.StatusUnauthorized, "it is not signed: set the secret in the webhook's settings (`aictl gitea hook` does so)")
	}
	return signature, nil
}

func tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, "a delivery may have %d bytes; what it tells is found within a minute without it", maxBody)
}

// read takes the body in bounded space and time.
func (e *Engine) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	ctl := http.NewResponseController(w)
	e.deadline(ctl.SetReadDeadline(time.Now().Add(bodyTime)))
	wait := time.NewTimer(bodyTime)
	defer wait.Stop()
	select {
	case e.reading <- struct{}{}:
		defer func() { <-e.reading }()
	case <-wait.C:
		return nil, refuse(http.StatusServiceUnavailable, "too many deliveries arrive at once")
	case <-r.Context().Done():
		return nil, refuse(http.StatusBadRequest, "the sender left")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the body did not arrive in %s", bodyTime)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body broke off")
	}
	e.deadline(ctl.SetReadDeadline(time.Time{}))
	return body, nil
}

// keep stores a genuine delivery and wakes who works them off.
func (e *Engine) keep(r *http.Request, kind string, by Secret, event string, body []byte, t told) (accepted, error) {
	id := ""
	for _, name := range dialects[kind].delivery {
		id = first(id, r.Header.Get(name))
	}
	if !plain(id, maxID) {
		return accepted{}, refuse(http.StatusBadRequest, "the id of the delivery is none")
	}
	row := store.Delivery{
		Forge: by.Forge, Delivery: id, Digest: sha256.Sum256(append([]byte(kind+"\x00"+event+"\x00"), body...)), Event: event,
		Repository: t.Repository, RepoID: t.RepoID, Ref: t.Ref,
	}
	if c := t.Change; c != nil {
		c.Forge, c.Trigger, c.Delivery, c.Origin = by.Forge, TriggerWebhook, id, host(r)
		if by.URL != "" {
			c.Addresses = append(c.Addresses, by.URL+"/"+c.Repository)
		}
		text, err := json.Marshal(c)
		if err != nil {
			return accepted{}, err
		}
		row.Change = string(text)
	}
	stored, fresh, err := e.Store.AddDelivery(r.Context(), row)
	if err != nil {
		return accepted{}, err
	}
	if fresh {
		e.nudge()
	}
	return accepted{ID: stored.ID, Known: !fresh, Repeated: stored.Repeated}, nil
}

func (e *Engine) eventOf(r *http.Request) string {
	for _, d := range dialects {
		if event := r.Header.Get(d.event); event != "" {
			return cut(event, maxID)
		}
	}
	return ""
}

// deadline logs a connection that takes no deadlines; recorders of tests are such.
func (e *Engine) deadline(err error) {
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.log.Debug("cannot set a deadline", "err", err)
	}
}

func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}
