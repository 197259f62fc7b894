package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"aictl/store/records"
)

func TestStreamsInTheDocument(t *testing.T) {
	got, err := json.Marshal(renderMessageFull(records.Message{
		Header: http.Header{}, Trailer: http.Header{"Grpc-Status": {"0"}},
		Chunks: []records.Chunk{{At: 1500 * time.Microsecond, End: 9}},
		Frames: []records.Frame{{At: time.Second, Opcode: 0x41, Size: 5, Kept: 2}, {Opcode: 8, Final: true}, {Opcode: 15}},
		Parts:  []records.Part{{Name: "a", Offset: 40, Size: 2, SHA256: [32]byte{0xab}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
	want := `{"header":{},"size":0,"sha256":"` + zeros + `","truncated":false,"omitted":false,"body":"","body_encoding":"text",` +
		`"trailer":{"Grpc-Status":["0"]},"chunks":[{"at_ms":1.5,"end":9}],` +
		`"frames":[{"at_ms":1000,"type":"text","compressed":true,"final":false,"size":5,"kept":2},{"at_ms":0,"type":"close","final":true,"size":0,"kept":0},{"at_ms":0,"type":"other","final":false,"size":0,"kept":0}],` +
		`"parts":[{"name":"a","offset":40,"size":2,"sha256":"ab` + zeros[2:] + `"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
