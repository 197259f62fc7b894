package gateway

import (
	"maps"
	"net/http"

	"aictl/store/records"
)

// addTrailers puts on a record what followed bodies that were read to their ends.
func (x *exchange) addTrailers(e *records.Exchange) {
	if x.request != nil && x.request.whole() {
		e.Request.Trailer = sent(x.r.Trailer)
	}
	switch {
	case x.answered != nil && x.answered.eof:
		e.Response.Trailer = sent(x.call.Trailer)
	case x.response != nil && x.response.eof:
		e.Response.Trailer = sent(x.response.of.Trailer)
	}
}

// sent is a copy of the fields that came. Those that were only announced have no values.
func sent(trailer http.Header) http.Header {
	if len(trailer) == 0 {
		return nil
	}
	came := maps.Clone(trailer)
	maps.DeleteFunc(came, func(_ string, values []string) bool { return len(values) == 0 })
	return came
}
