package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds the nesting of a body that is searched.
const maxDepth = 256

var errDepth = fmt.Errorf("nested deeper than %d levels", maxDepth)

// walker reads JSON values one after another and tells where each begins and ends. It works on the bytes as
// received: what is not masked stays exactly as it was, and of two members with one name both are seen.
type walker struct {
	body []byte
	dec  *json.Decoder
	at   []step
	// visit is called with each value; scalar is nil for a container, which comes after what it holds.
	visit func(start, end int, at []step, scalar any)
}

// walk visits every value of body, which may be one JSON document or several (NDJSON).
func walk(body []byte, visit func(start, end int, at []step, scalar any)) error {
	w := &walker{body: body, dec: json.NewDecoder(bytes.NewReader(body)), visit: visit}
	w.dec.UseNumber()
	for {
		tok, start, err := w.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.value(tok, start); err != nil {
			return unexpected(err)
		}
	}
}

func (w *walker) token() (json.Token, int, error) {
	from := int(w.dec.InputOffset())
	tok, err := w.dec.Token()
	start := from
	for start < len(w.body) && bytes.IndexByte([]byte(" \t\r\n,:"), w.body[start]) >= 0 {
		start++
	}
	return tok, start, err
}

func (w *walker) value(tok json.Token, start int) error {
	delim, container := tok.(json.Delim)
	if !container {
		w.visit(start, int(w.dec.InputOffset()), w.at, tok)
		return nil
	}
	if len(w.at) >= maxDepth {
		return errDepth
	}
	if err := w.members(delim == '{'); err != nil {
		return err
	}
	w.visit(start, int(w.dec.InputOffset()), w.at, nil)
	return nil
}

func (w *walker) members(object bool) error {
	w.at = append(w.at, step{})
	defer func() { w.at = w.at[:len(w.at)-1] }()
	for i := 0; ; i++ {
		tok, start, err := w.token()
		if err != nil {
			return err
		}
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			return nil
		}
		here := step{index: i}
		if object {
			key, ok := tok.(string)
			if !ok {
				return errors.New("an object's key is not a string")
			}
			here.key = &key
			if tok, start, err = w.token(); err != nil {
				return err
			}
		}
		w.at[len(w.at)-1] = here
		if err := w.value(tok, start); err != nil {
			return err
		}
	}
}

// unexpected makes the end of input inside a value an error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// firstScalar is the text of the first string, number or bool that path names; "" when there is none.
func firstScalar(body []byte, path jsonPath) string {
	found := ""
	err := walk(body, func(_, _ int, at []step, scalar any) {
		if found == "" && scalar != nil && path.matches(at) {
			found = fmt.Sprint(scalar)
		}
	})
	if err != nil {
		return ""
	}
	return found
}
