package gateway

import (
	"context"
	"errors"
	"net"

	"aictl/store/records"
)

// outcome is everything that says how an exchange ended.
type outcome struct {
	refused    bool  // no target
	declined   bool  // by a rule of the service's
	cut        bool  // by a drain or the gateway's end
	clientGone bool  // the client's connection ended
	head       bool  // an answer of the instance's began
	whole      bool  // … and its body was read to the end
	request    error // reading the client's body
	response   error // reading the instance's body
	failure    error // there was no answer of the instance's, or not a usable one
}

func (x *exchange) outcome() outcome {
	o := outcome{
		refused: x.refused, declined: x.declined, failure: x.failure,
		cut:        x.wasCut(),
		clientGone: x.r.Context().Err() != nil,
		head:       x.status != 0 && x.own == nil,
	}
	o.whole = o.head && !(x.tunnel != nil && o.cut)
	if x.response != nil {
		o.whole, o.response = x.response.eof, x.response.err
	}
	if x.answered != nil {
		o.whole, o.response = x.answered.eof, x.answered.err
	}
	if x.request != nil {
		o.request = x.request.readError()
	}
	return o
}

// verdict names the end. An answer that was read to its end is complete, whatever happened to the request's rest.
func verdict(o outcome) records.End {
	switch {
	case o.declined:
		return records.EndRefused
	case o.refused:
		return records.EndUnavailable
	case o.failure == nil && o.head && o.whole:
		return records.EndComplete
	case errors.Is(o.request, errBodyTooLarge):
		return records.EndRefused
	case o.cut:
		return records.EndShutdown
	case errors.Is(o.failure, errSilent) || errors.Is(o.response, errSilent):
		return records.EndTimeout
	case o.clientGone || o.failure != nil && o.request != nil:
		return records.EndClientAbort
	case isTimeout(o.failure) || isTimeout(o.response):
		return records.EndTimeout
	case o.failure != nil:
		return records.EndUpstreamError
	case o.response != nil:
		return records.EndUpstreamAbort
	default: // neither side of the answer failed to be read: it could not be written
		return records.EndClientAbort
	}
}

// text is the error that explains the verdict, "" when there is none beyond it.
func (o outcome) text() string {
	for _, err := range []error{o.request, o.failure, o.response} {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err.Error()
		}
	}
	return ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// neverReached reports whether err says that no connection to the instance came about.
func neverReached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
