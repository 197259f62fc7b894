package recorder

import (
	"net/http"
	"reflect"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

// Frames and parts are not searched: with a path to mask, what tells of their content is not kept. What tells of time and size is.
func TestStreamsFailClosed(t *testing.T) {
	p, err := newPolicy(configs.Record{Redact: []string{"$.s", "header:X-Tenant"}})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"s":"139"}`)
	size := int64(len(body))
	image := http.Header{"Content-Type": {"image/png"}} // a word of the client's that changes nothing
	x := &records.Exchange{
		Request: records.Message{Header: image, Body: body, Size: size, SHA256: [32]byte{1},
			Frames: []records.Frame{{Opcode: 1, Final: true, Size: size, Kept: size}}},
		Response: records.Message{Body: []byte("--b\r\n\r\n139\r\n--b--"), Size: 17, SHA256: [32]byte{1}, Trailer: http.Header{"X-Tenant": {"t"}},
			Chunks: []records.Chunk{{At: 1, End: 2}}, Parts: []records.Part{{Name: "139", Size: 3, SHA256: [32]byte{1}}}},
	}
	if err := p.apply(x); err == nil {
		t.Error("nothing is said of it")
	}
	req, res := x.Request, x.Response
	if req.Body != nil || !req.Omitted || req.SHA256 != [32]byte{} || !reflect.DeepEqual(req.Frames, []records.Frame{{Opcode: 1, Final: true, Size: size}}) {
		t.Errorf("frames: %+v", req)
	}
	if res.Body != nil || !res.Omitted || res.SHA256 != [32]byte{} || res.Parts != nil || len(res.Chunks) != 1 || res.Trailer.Get("X-Tenant") != Masked {
		t.Errorf("parts: %+v", res)
	}
}

// A body that was given up for want of memory takes the lists about it along: they hold memory, too.
func TestGivenUpBodiesHaveNoLists(t *testing.T) {
	m := records.Message{Body: []byte("x"), Size: 1, Chunks: make([]records.Chunk, 1), Frames: make([]records.Frame, 1), Parts: make([]records.Part, 1)}
	omit(&m)
	if !reflect.DeepEqual(m, records.Message{Size: 1, Omitted: true}) {
		t.Errorf("%+v", m)
	}
}
