// Package targets are the far ends of sinks: PostgreSQL, MySQL and MariaDB, Kafka.
package targets

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"aictl/sinks"
)

// Schemes are the URL schemes that Open knows.
var Schemes = []string{"postgres", "postgresql", "mysql", "mariadb", "kafka", "kafkas"}

// Open makes the target that a sink's URL names; it does not connect. Check says what is wrong with a URL.
func Open(c sinks.Config) (sinks.Target, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("sink %s: its URL cannot be read", c.Name) // the error would quote the password
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		return newPostgres(u)
	case "mysql", "mariadb":
		return newMySQL(u)
	case "kafka", "kafkas":
		return newKafka(u)
	}
	return nil, fmt.Errorf("sink %s: %q is not a kind of sink (write postgres://, mysql:// or kafka://)", c.Name, u.Scheme)
}

// Check reports what is wrong with a sink's configuration without connecting anywhere.
func Check(c sinks.Config) error {
	target, err := Open(c)
	if err != nil {
		return err
	}
	return target.Close()
}

// table is the table of records; a URL may name another one with table=.
const table = "aictl_records"

// columns are the same in every database.
var columns = []string{
	"id", "service", "release_id", "instance", "source", "session", "user_name", "model", "trace_id", "method", "path", "query", "remote",
	"status", "started_at", "first_byte_us", "duration_us", "ended", "error", "cached", "tags",
	"request_header", "request_size", "request_sha256", "request_body", "request_state", "request_ref",
	"response_header", "response_size", "response_sha256", "response_body", "response_state", "response_ref",
}

// values are a record's, in the order of columns. id is the record's in the database's own form.
func values(id any, r *sinks.Record) ([]any, error) {
	tags, err := jsonText(r.Tags, len(r.Tags) == 0)
	if err != nil {
		return nil, fmt.Errorf("tags: %w", err)
	}
	v := []any{
		id, clean(r.Service), clean(r.Release), clean(r.Instance), string(r.Source), clean(r.Session), clean(r.User), clean(r.Model), clean(r.TraceID),
		clean(r.Method), clean(r.Path), clean(r.Query), clean(r.Remote), r.Status, r.StartedAt.UTC(), r.FirstByte.Microseconds(), r.Duration.Microseconds(),
		string(r.End), clean(r.Error), r.Cached, tags,
	}
	for _, side := range []struct {
		header http.Header
		size   int64
		sum    [32]byte
		body   sinks.Body
	}{
		{r.Exchange.Request.Header, r.Exchange.Request.Size, r.Exchange.Request.SHA256, r.Request},
		{r.Exchange.Response.Header, r.Exchange.Response.Size, r.Exchange.Response.SHA256, r.Response},
	} {
		header, err := jsonText(side.header, len(side.header) == 0)
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		v = append(v, header, side.size, digest(side.sum), side.body.Data, side.body.State, side.body.Ref)
	}
	return v, nil
}

// digest is nil for that of a body that is not the original.
func digest(sum [32]byte) []byte {
	if sum == [32]byte{} {
		return nil
	}
	return sum[:]
}

// clean makes text what databases take: valid UTF-8 without NUL.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// jsonText is nil for nothing. A NUL, which JSON can write and jsonb cannot hold, is replaced.
func jsonText(v any, none bool) (any, error) {
	if none {
		return nil, nil
	}
	data, err := json.Marshal(v)
	return strings.ReplaceAll(string(data), `\u0000`, `\ufffd`), err
}

// tableOf takes the table's name out of the query, so that the driver does not see it.
func tableOf(q url.Values) (string, error) {
	name := q.Get("table")
	q.Del("table")
	if name == "" {
		return table, nil
	}
	if len(name) > 63 || strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return "", fmt.Errorf("table=%.70q: a table's name has up to 63 letters, digits and _", name)
	}
	return name, nil
}
