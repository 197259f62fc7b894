package api

import (
	"encoding/hex"
	"time"

	"aictl/store/records"
)

// RecordChunk is one piece of a body that streamed. The last of 4,096 stands for all that came after the others.
type RecordChunk struct {
	AtMS float64 `json:"at_ms" doc:"Since the request began"`
	End  int64   `json:"end" doc:"Bytes of the body that had passed with it"`
}

// RecordFrame is one WebSocket frame. The last of 4,096 stands for all that came after the others.
type RecordFrame struct {
	AtMS       float64 `json:"at_ms" doc:"Since the request began"`
	Type       string  `json:"type" enum:"continuation,text,binary,close,ping,pong,other"`
	Compressed bool    `json:"compressed,omitempty" doc:"By permessage-deflate; the body has it as it passed"`
	Final      bool    `json:"final" doc:"The last of its message"`
	Size       int64   `json:"size" doc:"Bytes of the payload"`
	Kept       int64   `json:"kept" doc:"How many of them are in the body, after those of the frames before"`
}

// RecordPart is one part of a multipart body.
type RecordPart struct {
	Name        string `json:"name"`
	FileName    string `json:"filename,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Offset      int64  `json:"offset" doc:"Where it begins in the body"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256" doc:"Hex, of all its bytes, kept or not"`
}

// compressedFrame is the first reserved bit of a frame's first byte.
const compressedFrame = 0x40

var frameTypes = map[byte]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

// renderStreams adds to a message what is known of its pieces.
func renderStreams(out *RecordMessageFull, m records.Message) {
	out.Trailer = m.Trailer
	for _, c := range m.Chunks {
		out.Chunks = append(out.Chunks, RecordChunk{AtMS: inMicroseconds(c.At), End: c.End})
	}
	for _, f := range m.Frames {
		kind, known := frameTypes[f.Opcode&0x0f]
		if !known {
			kind = "other"
		}
		out.Frames = append(out.Frames, RecordFrame{AtMS: inMicroseconds(f.At), Type: kind, Compressed: f.Opcode&compressedFrame != 0,
			Final: f.Final, Size: f.Size, Kept: f.Kept})
	}
	for _, p := range m.Parts {
		out.Parts = append(out.Parts, RecordPart{Name: p.Name, FileName: p.FileName, ContentType: p.ContentType, Offset: p.Offset, Size: p.Size,
			SHA256: hex.EncodeToString(p.SHA256[:])})
	}
}

// inMicroseconds is d in milliseconds with three places, as it is stored.
func inMicroseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
