package interchange

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"aictl/store/records"
)

// The parts of HAR 1.2. Names with an underscore are not of the standard, which allows them.
type (
	harEntry struct {
		Started  string        `json:"startedDateTime"`
		Time     float64       `json:"time"`
		Request  harRequest    `json:"request"`
		Response harResponse   `json:"response"`
		Cache    struct{}      `json:"cache"`
		Timings  harTimings    `json:"timings"`
		Kind     string        `json:"_resourceType,omitempty"`
		Messages *[]harMessage `json:"_webSocketMessages,omitempty"`
		Own      *Entry        `json:"_aictl,omitempty"` // what HAR has no place for
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		Version     string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		Query       []harPair `json:"queryString"`
		Post        *harPost  `json:"postData,omitempty"`
		HeadersSize int64     `json:"headersSize"`
		BodySize    int64     `json:"bodySize"`
	}
	harPost struct {
		MimeType string    `json:"mimeType"`
		Params   []harPair `json:"params,omitempty"`
		Text     string    `json:"text"`
		Encoding string    `json:"_encoding,omitempty"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		Version     string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		Redirect    string     `json:"redirectURL"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
		Error       string     `json:"_error,omitempty"`
	}
	harContent struct {
		Size     int64  `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harMessage struct {
		Type   string  `json:"type"` // send or receive
		Time   float64 `json:"time"` // seconds since 1970
		Opcode int     `json:"opcode"`
		Data   string  `json:"data"` // base64 unless the opcode is 1
	}
)

// harWriter writes one JSON document entry by entry.
type harWriter struct {
	buf   *bufio.Writer
	enc   *json.Encoder
	o     Options
	began bool
}

func newHARWriter(to io.Writer, o Options) *harWriter {
	w := &harWriter{buf: bufio.NewWriterSize(to, 64<<10), o: o}
	w.enc = json.NewEncoder(w.buf)
	w.enc.SetEscapeHTML(false)
	return w
}

func (w *harWriter) Write(x *records.Exchange, labels ...records.Label) error {
	if err := w.separate(); err != nil {
		return err
	}
	e := harOf(x, w.o.Bodies)
	e.Own.Labels = entryLabels(labels)
	return w.enc.Encode(e)
}

// separate writes what stands before an entry.
func (w *harWriter) separate() error {
	if w.began {
		return w.buf.WriteByte(',')
	}
	w.began = true
	name, version, _ := strings.Cut(w.o.Program, " ")
	creator, err := json.Marshal(map[string]string{"name": name, "version": version})
	if err == nil {
		_, err = w.buf.WriteString(`{"log":{"version":"1.2","creator":` + string(creator) + `,"entries":[` + "\n")
	}
	return err
}

func (w *harWriter) Close() error {
	if !w.began {
		if err := w.separate(); err != nil {
			return err
		}
	}
	if _, err := w.buf.WriteString("]}}\n"); err != nil {
		return err
	}
	return w.buf.Flush()
}

func harOf(x *records.Exchange, bodies Bodies) harEntry {
	own := Of(x, BodiesNone)
	own.Request.Header, own.Response.Header = nil, nil
	e := harEntry{
		Started: x.StartedAt.UTC().Format("2006-01-02T15:04:05.000000Z"), Time: milliseconds(x.Duration),
		Request: harRequestOf(x, bodies), Response: harResponseOf(x, bodies), Timings: harTimingsOf(x), Own: &own,
	}
	if len(x.Request.Frames)+len(x.Response.Frames) > 0 {
		messages := []harMessage{}
		if bodies != BodiesNone {
			messages = append(messagesOf("send", x.StartedAt, &x.Request), messagesOf("receive", x.StartedAt, &x.Response)...)
			slices.SortStableFunc(messages, func(a, b harMessage) int {
				if a.Time < b.Time {
					return -1
				}
				return 1
			})
			own.Request.Body, own.Request.BodyEncoding = wholeBody(&x.Request)
			own.Response.Body, own.Response.BodyEncoding = wholeBody(&x.Response)
		}
		e.Kind, e.Messages = "websocket", &messages
	}
	return e
}

func wholeBody(m *records.Message) (json.RawMessage, string) {
	if len(m.Body) == 0 {
		return nil, ""
	}
	body, encoding := bodyText(m.Body, BodiesBase64)
	return quote(body), encoding
}

func harRequestOf(x *records.Exchange, bodies Bodies) harRequest {
	at := url.URL{Scheme: "http", Host: x.Request.Header.Get("Host"), Path: x.Path, RawQuery: x.Query}
	if at.Host == "" {
		at.Host = x.Service
	}
	r := harRequest{Method: x.Method, URL: at.String(), Version: "HTTP/1.1", Cookies: []harPair{}, Headers: pairsOf(x.Request.Header),
		Query: []harPair{}, HeadersSize: -1, BodySize: x.Request.Size}
	for _, pair := range strings.Split(x.Query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" {
			r.Query = append(r.Query, harPair{unescaped(name), unescaped(value)})
		}
	}
	if len(x.Request.Frames) == 0 && x.Request.Size > 0 {
		text, encoding := bodyText(x.Request.Body, bodies)
		if encoding != encodingBase64 {
			encoding = ""
		}
		r.Post = &harPost{MimeType: x.Request.Header.Get("Content-Type"), Text: text, Encoding: encoding}
	}
	return r
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func harResponseOf(x *records.Exchange, bodies Bodies) harResponse {
	r := harResponse{Status: x.Status, StatusText: http.StatusText(x.Status), Version: "HTTP/1.1", Cookies: []harPair{},
		Headers: pairsOf(x.Response.Header), Redirect: x.Response.Header.Get("Location"), HeadersSize: -1, BodySize: x.Response.Size, Error: x.Error,
		Content: harContent{Size: x.Response.Size, MimeType: x.Response.Header.Get("Content-Type")}}
	if len(x.Response.Frames) == 0 {
		text, encoding := bodyText(x.Response.Body, bodies)
		if r.Content.Text = text; encoding == encodingBase64 {
			r.Content.Encoding = encoding
		}
	}
	return r
}

func harTimingsOf(x *records.Exchange) harTimings {
	t := harTimings{Wait: milliseconds(x.FirstByte), Receive: milliseconds(max(0, x.Duration-x.FirstByte))}
	if x.FirstByte == 0 {
		t = harTimings{Wait: milliseconds(x.Duration)}
	}
	return t
}

func pairsOf(h http.Header) []harPair {
	pairs := []harPair{}
	for name, values := range h {
		for _, v := range values {
			pairs = append(pairs, harPair{name, v})
		}
	}
	slices.SortStableFunc(pairs, func(a, b harPair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}

// messagesOf puts a WebSocket's frames together to messages.
func messagesOf(direction string, start time.Time, m *records.Message) (out []harMessage) {
	rest := m.Body
	var data []byte
	opcode := 0
	for _, f := range m.Frames {
		n := min(max(f.Kept, 0), int64(len(rest)))
		control := f.Opcode >= 8 // may stand between the frames of a message
		piece := rest[:n]
		if rest = rest[n:]; control {
			out = append(out, harMessage{direction, seconds(start.Add(f.At)), int(f.Opcode), base64.StdEncoding.EncodeToString(piece)})
			continue
		}
		if f.Opcode != 0 {
			opcode = int(f.Opcode)
		}
		if data = append(data, piece...); !f.Final {
			continue
		}
		text := string(data)
		if opcode != 1 {
			text = base64.StdEncoding.EncodeToString(data)
		}
		out = append(out, harMessage{direction, seconds(start.Add(f.At)), opcode, text})
		data, opcode = nil, 0
	}
	return out
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
