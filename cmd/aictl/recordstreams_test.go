package main

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"aictl/api"
)

// deflated are messages as permessage-deflate sends them, with one window for all.
func deflated(t *testing.T, texts ...string) (messages []string) {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		out.Reset()
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, strings.TrimSuffix(out.String(), "\x00\x00\xff\xff"))
	}
	return messages
}

func TestRecordsShowStreams(t *testing.T) {
	s := newServer(t)
	packed := deflated(t, `{"token": "same words"}`, `{"token": "same words again"}`)
	kept := func(kind string, text string) api.RecordFrame {
		return api.RecordFrame{AtMS: 1500, Type: kind, Final: true, Size: int64(len(text)), Kept: int64(len(text))}
	}
	first, ping, second := kept("text", packed[0]), kept("ping", "p!"), kept("text", packed[1])
	first.Compressed, second.Compressed = true, true
	body := packed[0] + "p!" + packed[1] + "plain\x1b[31m text" + "\x03\xe8bye"
	chunks := make([]api.RecordChunk, 14)
	for i := range chunks {
		chunks[i] = api.RecordChunk{AtMS: float64(i) * 100, End: int64(i+1) * 9}
	}
	record := api.RecordFull{ID: recordID, Service: "ocr", Method: "GET", Path: "/ws", Status: 101, StartedAt: now, End: "complete",
		Request: api.RecordMessageFull{Size: 100, BodyEncoding: api.BodyBase64, Body: base64.StdEncoding.EncodeToString([]byte(body)),
			Frames: []api.RecordFrame{first, ping, second, kept("text", "plain\x1b[31m text"), kept("close", "\x03\xe8bye")}},
		Response: api.RecordMessageFull{Size: 126, Omitted: true, Trailer: http.Header{"Grpc-Status": {"0"}}, Chunks: chunks,
			Parts: []api.RecordPart{{Name: "image", FileName: "猫.png", ContentType: "image/png", Size: 2048, SHA256: "ab12"}, {Size: 1, SHA256: "cd"}}}}
	s.answer("GET /api/v1/records/"+recordID, api.RecordDocument{SchemaVersion: 1, Record: record})
	s.run(t, "records", "show", recordID).want(t, exitOK, []string{
		`+1.50s    text+`, `{"token": "same words"}`, `{"token": "same words again"}`, "ping              2 B  p!", "plain[31m text", "1000 bye",
		"trailer Grpc-Status: 0", `image  "猫.png"  image/png  2 KiB  sha256:ab12`, "    -  1 B  sha256:cd",
		"+100ms    9 B", "… 4 more, the last at +1.30s", "the body was not kept"}, nil)
	s.run(t, "records", "show", recordID, "--lang", "zh").want(t, exitOK, []string{"……另有 4 个", "帧"}, nil)
}

// What cannot be inflated is not shown; nothing is made up for it.
func TestFramesThatCannotBeRead(t *testing.T) {
	packed := deflated(t, strings.Repeat("x", maxInflated+1), "after")
	r := frameReader{content: []byte(packed[0] + packed[1])}
	for _, m := range packed {
		if got := r.text(api.RecordFrame{Type: "text", Compressed: true, Final: true, Size: int64(len(m)), Kept: int64(len(m))}); got != "" {
			t.Errorf("%.20q", got)
		}
	}
	r = frameReader{content: []byte("ab")}
	for _, f := range []api.RecordFrame{{Type: "text", Compressed: true, Final: true, Size: 9, Kept: 1}, {Type: "binary", Compressed: true, Final: true, Size: 1, Kept: 100}} {
		if got := r.text(f); got != "" {
			t.Errorf("%q", got)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte("hello"), int64(3), true, true)
	f.Fuzz(func(_ *testing.T, content []byte, kept int64, compressed, final bool) {
		r := frameReader{content: content}
		for _, kind := range []string{"text", "continuation", "close"} {
			r.text(api.RecordFrame{Type: kind, Compressed: compressed, Final: final, Size: kept, Kept: kept})
		}
	})
}
