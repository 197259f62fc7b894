package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// seated enters the exchange on an instance, if need be after others that came before it. When it reports false, x has been answered.
func (x *exchange) seated() bool {
	q := &x.route.service.queue
	if x.route.Gateway.Concurrency == 0 && q.waiting.Load() == 0 {
		if !x.pickTarget() {
			x.refuse()
			return false
		}
		return true
	}
	switch q.enter(x, "", false) {
	case seated:
		return true
	case full:
		x.tooMany(q)
	case late:
		x.waitedTooLong(q)
	case aborted:
		x.fail(x.whyAborted())
	default:
		x.refuse()
	}
	return false
}

// retakeTurn moves x, whose instance was not reached, to the front of the queue when all others are busy. It reports false when there is
// none, or none has room in time.
func (x *exchange) retakeTurn(rt *route) bool {
	avoid := x.target.Addr
	if rt.Gateway.Concurrency == 0 || !rt.mayServe(avoid) {
		return false
	}
	x.leave()
	x.silence.ends()
	defer x.silence.begins()
	x.route = rt
	return rt.service.queue.enter(x, avoid, true) == seated
}

// whyAborted is what ended a wait: a cut, the client's leaving, or a body that broke off.
func (x *exchange) whyAborted() error {
	if cause := x.call.Cause(); cause != nil {
		return cause
	}
	if err := x.r.Context().Err(); err != nil {
		return err
	}
	x.readRequest()
	_, err := io.Copy(io.Discard, x.request)
	return err
}

func (x *exchange) tooMany(q *queue) {
	x.decline(refusedQueueFull, Problem{Status: http.StatusTooManyRequests, Code: "too_many_requests",
		Reason: "the queue is full: " + strconv.Itoa(x.route.Gateway.Queue) + " requests wait already", wait: x.forecast(q)}, true)
}

func (x *exchange) waitedTooLong(q *queue) {
	x.decline(refusedQueueTimeout, Problem{Status: http.StatusServiceUnavailable, Code: "queue_timeout",
		Reason: "no instance had room within " + x.route.Gateway.QueueTimeout.String(), wait: x.forecast(q)}, true)
}

// forecast is how long it takes, at the pace of the last answers, until what waits now has been served.
func (x *exchange) forecast(q *queue) time.Duration {
	atATime := x.route.Gateway.Concurrency * len(x.route.Targets)
	return q.pace.of(int(q.waiting.Load())+1, atATime)
}

// pace is how long instances take for a request, lately.
type pace struct{ ns atomic.Int64 }

func (p *pace) note(d time.Duration) {
	was := p.ns.Load()
	if was > 0 {
		d = time.Duration(was) + (d-time.Duration(was))/8
	}
	p.ns.Store(int64(d)) // a note that is lost to another at the same moment is no loss
}

// of is how long n requests take, so many at a time.
func (p *pace) of(n, atATime int) time.Duration {
	return time.Duration(float64(p.ns.Load()) * float64(n) / float64(max(atATime, 1)))
}

// noteTurn tells the queue how long the instance had the exchange, and the record how long it waited.
func (x *exchange) noteTurn() {
	if x.route.Gateway.Concurrency > 0 && x.status != 0 && x.own == nil {
		x.route.service.queue.pace.note(x.g.opt.Now().Sub(x.start) - x.queued)
	}
}

// fetchBody reads a short body of a request that waits: the server notices that a client has left only when nothing is left to be read.
func (x *exchange) fetchBody(until time.Time) error {
	n := x.r.ContentLength
	if n <= 0 || n > directBody || x.r.ProtoMajor != 1 || len(x.r.Header["Expect"]) > 0 {
		return nil
	}
	rc := http.NewResponseController(x.w)
	if err := rc.SetReadDeadline(until); err != nil {
		return nil // a connection without deadlines is read when its turn has come
	}
	b := make([]byte, n)
	got, err := io.ReadFull(x.r.Body, b)
	x.r.Body = &fetched{b: b[:got], err: err}
	if lift := rc.SetReadDeadline(time.Time{}); lift != nil {
		x.g.opt.Logger.Debug("read deadline not lifted", "error", lift)
	}
	x.sent.Store(err == nil)
	return err
}

// afterFetch is how the wait of a request ends whose body did not come.
func afterFetch(err error) outcomeOfWait {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return late
	}
	return aborted
}

// fetched is a body in memory. Like the server's, it ends with its last byte.
type fetched struct {
	b   []byte
	err error // at its end; nil is io.EOF
}

func (f *fetched) Read(p []byte) (int, error) {
	n := copy(p, f.b)
	f.b = f.b[n:]
	if len(f.b) > 0 {
		return n, nil
	}
	if f.err != nil {
		return n, f.err
	}
	return n, io.EOF
}

func (f *fetched) Close() error { return nil }
