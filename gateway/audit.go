package gateway

import (
	"errors"
	"net/http"

	"aictl/store/records"
)

// deny answers a request that the recorder does not let in. No instance sees it.
func (x *exchange) deny() {
	x.refused = true
	p := Problem{Status: http.StatusServiceUnavailable, Code: "record_not_committed",
		Reason: "the store of records does not work", Detail: x.route.Service + " answers only what is recorded, and nothing can be recorded now"}
	if errors.Is(x.denied, records.ErrNoRoom) {
		p.Code, p.Reason = "recorder_busy", "the recorder has no memory for another exchange"
		p.Detail = x.route.Service + " answers only what can be recorded, and records are waiting to be written"
	}
	x.answer(p, true)
}
