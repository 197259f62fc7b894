package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"aictl/api"
)

const (
	shownChunks  = 10
	shownFrames  = 50
	frameColumns = 100      // of a frame's content
	maxInflated  = 64 << 10 // of one message
	deflateReach = 32 << 10 // how far a compressed message refers back
)

// writeStream writes what is known of a message's pieces: trailers, parts, the times of chunks, and frames with their content.
func (a *app) writeStream(b *strings.Builder, m api.RecordMessageFull, content []byte) {
	for _, name := range slices.Sorted(maps.Keys(m.Trailer)) {
		for _, value := range m.Trailer[name] {
			fmt.Fprintf(b, "  %s %s %s\n", a.out.paint(dim, a.t("trailer")), a.out.paint(cyan, printable(name)+":"), printable(value))
		}
	}
	a.writeParts(b, m.Parts)
	a.writeChunks(b, m.Chunks)
	a.writeFrames(b, m.Frames, content)
}

func (a *app) writeParts(b *strings.Builder, parts []api.RecordPart) {
	if len(parts) > 0 {
		fmt.Fprintf(b, "\n  %s\n", a.out.paint(dim, a.t("parts")))
	}
	for _, p := range parts {
		fields := []string{orDash(p.Name)}
		if p.FileName != "" {
			fields = append(fields, fmt.Sprintf("%q", p.FileName))
		}
		if p.ContentType != "" {
			fields = append(fields, p.ContentType)
		}
		fields = append(fields, humanSize(p.Size), "sha256:"+p.SHA256)
		fmt.Fprintf(b, "    %s\n", printable(strings.Join(fields, "  ")))
	}
}

func (a *app) writeChunks(b *strings.Builder, chunks []api.RecordChunk) {
	if len(chunks) > 0 {
		fmt.Fprintf(b, "\n  %s\n", a.out.paint(dim, a.t("pieces, as they passed")))
	}
	from := int64(0)
	for i, c := range chunks {
		if i == shownChunks {
			fmt.Fprintf(b, "    %s\n", a.t("… %d more, the last at %s (-o json has all)", len(chunks)-i, "+"+latency(milliseconds(chunks[len(chunks)-1].AtMS))))
			return
		}
		fmt.Fprintf(b, "    %-9s %s\n", "+"+latency(milliseconds(c.AtMS)), humanSize(c.End-from))
		from = c.End
	}
}

func (a *app) writeFrames(b *strings.Builder, frames []api.RecordFrame, content []byte) {
	if len(frames) > 0 {
		fmt.Fprintf(b, "\n  %s\n", a.out.paint(dim, a.t("frames, as they passed")))
	}
	reader := frameReader{content: content}
	for i, f := range frames {
		if i == shownFrames {
			fmt.Fprintf(b, "    %s\n", a.t("… %d more, the last at %s (-o json has all)", len(frames)-i, "+"+latency(milliseconds(frames[len(frames)-1].AtMS))))
			return
		}
		kind := f.Type
		if f.Compressed {
			kind += "+"
		}
		line := fmt.Sprintf("    %-9s %-12s %8s  %s", "+"+latency(milliseconds(f.AtMS)), kind, humanSize(f.Size), clip(inOneLine(reader.text(f)), frameColumns))
		fmt.Fprintf(b, "%s\n", strings.TrimRight(line, " "))
	}
}

func inOneLine(text string) string {
	return strings.Join(strings.Fields(printable(strings.ReplaceAll(text, "\n", " "))), " ")
}

// frameReader gives the content of frames in their order. What permessage-deflate has compressed (RFC 7692) it inflates, as far as everything
// before was kept.
type frameReader struct {
	content []byte
	message []byte // compressed, as far as it was read
	packed  bool   // the message is compressed
	reach   []byte // what compressed messages refer back to
	broken  bool
}

// text is what to show of the next frame, "" when it holds no text.
func (r *frameReader) text(f api.RecordFrame) string {
	kept := min(max(f.Kept, 0), int64(len(r.content)))
	payload := r.content[:kept]
	r.content = r.content[kept:]
	control := f.Type == "close" || f.Type == "ping" || f.Type == "pong"
	switch {
	case f.Type == "close" && len(payload) >= 2:
		return strings.TrimRight(fmt.Sprintf("%d %s", int(payload[0])<<8|int(payload[1]), payload[2:]), " ")
	case !control && f.Type != "continuation":
		r.packed = f.Compressed
	}
	if control || !r.packed {
		if !utf8.Valid(payload) {
			return ""
		}
		return string(payload)
	}
	r.message = append(r.message, payload...)
	r.broken = r.broken || f.Kept < f.Size
	if !f.Final || r.broken {
		return ""
	}
	plain, err := inflated(r.message, r.reach)
	r.message = r.message[:0]
	r.broken = err != nil
	if err != nil || !utf8.Valid(plain) {
		return ""
	}
	r.reach = append(r.reach, plain...)
	r.reach = r.reach[max(0, len(r.reach)-deflateReach):]
	return string(plain)
}

// errInflatedTooLong ends the reading of messages that would take too much memory.
var errInflatedTooLong = errors.New("message inflates to more than is shown")

func inflated(message, reach []byte) ([]byte, error) {
	// The sender left out the end of its last block, which says that nothing is left to flush; a last empty block ends the stream.
	ended := io.MultiReader(bytes.NewReader(message), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	plain, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(ended, reach), maxInflated+1))
	if err == nil && len(plain) > maxInflated {
		err = errInflatedTooLong
	}
	return plain, err
}
