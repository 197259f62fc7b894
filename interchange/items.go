package interchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxRecord is how long one record may be as JSON, in bytes.
const MaxRecord = 32 << 20

// ErrBroken says that what follows an item cannot be read, because the JSON around it is broken.
var ErrBroken = errors.New("the rest cannot be read")

// Item is one record of a posted body or a file. Index counts from 0, Line from 1. Err is an ErrRecord when this item
// cannot be read and the next one may be.
type Item struct {
	Index int
	Line  int // of JSON lines, else 0
	Raw   []byte
	Err   error
}

// Lines visits the records of JSON lines; empty lines are passed over. Raw is valid during the visit.
// It returns the reader's or the visitor's error.
func Lines(from io.Reader, visit func(Item) error) error {
	r := bufio.NewReaderSize(from, 64<<10)
	var buf []byte
	index := 0
	for line := 1; ; line++ {
		raw, long, err := readLine(r, buf[:0])
		if buf = raw; err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		raw = bytes.TrimSpace(raw)
		if line == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
		}
		if len(raw) > 0 || long {
			item := Item{Index: index, Line: line, Raw: raw}
			if long {
				item.Raw, item.Err = nil, tooLong()
			}
			if err := visit(item); err != nil {
				return err
			}
			index++
		}
		if err != nil {
			return nil
		}
		if cap(buf) > 1<<20 {
			buf = nil // one long line does not hold its memory for all that follow
		}
	}
}

func tooLong() error {
	return fault("it is longer than %d MiB: send smaller bodies, or leave them out and give size and sha256", MaxRecord>>20)
}

// readLine reads up to a line break, which it leaves out. Of a line beyond MaxRecord it reads everything and keeps nothing.
func readLine(r *bufio.Reader, into []byte) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(into)+len(part) > MaxRecord {
			long, into = true, into[:0]
		}
		if !long {
			into = append(into, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return into, long, err
		}
	}
}

// Array visits the records of a JSON document that is one object or an array of objects. single tells which.
// Broken JSON ends it with ErrBroken.
func Array(from io.Reader, visit func(Item) error) (single bool, err error) {
	r := bufio.NewReaderSize(from, 64<<10)
	first, err := firstByte(r)
	if err != nil {
		return true, err
	}
	bounded := &allowance{from: r}
	dec := json.NewDecoder(bounded)
	if first != '[' {
		if err := next(dec, bounded, 0, visit); err != nil {
			return true, err
		}
		return true, nothingMore(dec)
	}
	bounded.left = MaxRecord
	if _, err := dec.Token(); err != nil {
		return false, broken(err)
	}
	for i := 0; ; i++ {
		bounded.left = MaxRecord
		if !dec.More() {
			break
		}
		if err := next(dec, bounded, i, visit); err != nil {
			return false, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return false, broken(err)
	}
	return false, nothingMore(dec)
}

func next(dec *json.Decoder, bounded *allowance, index int, visit func(Item) error) error {
	bounded.left = MaxRecord
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return broken(err)
	}
	return visit(Item{Index: index, Raw: raw})
}

func nothingMore(dec *json.Decoder) error {
	switch _, err := dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return broken(err)
	}
	return fmt.Errorf("%w: something follows the end of the document: send JSON lines as application/x-ndjson", ErrBroken)
}

// broken tells bad JSON from a reader that failed.
func broken(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError // a number beyond all bounds
	switch {
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the body is not JSON: %w", ErrBroken, err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the body ends too early", ErrBroken)
	case errors.Is(err, errAllowance):
		return fmt.Errorf("%w: %s", ErrBroken, Reason(tooLong()))
	}
	return err
}

func firstByte(r *bufio.Reader) (byte, error) {
	if bom, err := r.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		if _, err := r.Discard(3); err != nil {
			return 0, err
		}
	}
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%w: the body is empty: send a record", ErrBroken)
		}
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, r.UnreadByte()
		}
	}
}

var errAllowance = errors.New("too long")

// allowance bounds what a decoder may read for one value.
type allowance struct {
	from io.Reader
	left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errAllowance
	}
	if len(p) > a.left {
		p = p[:a.left]
	}
	n, err := a.from.Read(p)
	a.left -= n
	return n, err
}
