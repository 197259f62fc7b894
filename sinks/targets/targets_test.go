package targets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"aictl/sinks"
	"aictl/store/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

// record is the nth of a series, with everything in it that databases stumble over.
func record(n int) *sinks.Record {
	id := uuid.UUID{0x01, 0x9a, 6: 0x70, 8: 0x80}
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	x := &records.Exchange{
		ID: id.String(), Service: "ocr", Release: "r1-1a2b3c4d", Instance: "ocr/1", Session: "s'1\\", User: "猫\x00\xff", Model: "base", TraceID: strings.Repeat("a", 32),
		Method: "POST", Path: "/predict/%00'\"\\", Query: "a=1&b=%", Remote: "127.0.0.1:5", Status: 200, StartedAt: noon.Add(time.Duration(n) * time.Second),
		FirstByte: 3 * time.Millisecond, Duration: 4500 * time.Microsecond, End: records.EndComplete, Error: "x\x00y", Tags: map[string]string{"k\x00": "v'"},
	}
	x.Request = records.Message{Header: http.Header{"Content-Type": {"image/png", "a\x00b"}}, Body: []byte("\x00\xff'\\\n\x1a body of " + x.ID)}
	x.Response = records.Message{Body: []byte(`{"label":"猫"}`)}
	for _, m := range []*records.Message{&x.Request, &x.Response} {
		m.Size, m.SHA256 = int64(len(m.Body)), sha256.Sum256(m.Body)
	}
	return &sinks.Record{Exchange: x, Request: sinks.Body{Data: x.Request.Body, State: sinks.StateFull}, Response: sinks.Body{Data: x.Response.Body, State: sinks.StateFull}}
}

func series(from, n int) []*sinks.Record {
	batch := make([]*sinks.Record, n)
	for i := range batch {
		batch[i] = record(from + i)
	}
	return batch
}

func open(t *testing.T, address string) sinks.Target {
	t.Helper()
	target, err := Open(sinks.Config{Name: "test", URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rows asks the database itself.
type rows struct {
	count func() int
	// one returns request body, header, user, error, start and digest of the response of a record.
	one func(id uuid.UUID) (body []byte, header, user, failure string, at time.Time, sum []byte)
}

// checkDatabase is what both kinds of databases must do.
func checkDatabase(t *testing.T, s *dbServer, address string, ask func() rows) {
	ctx := within(t)
	first := open(t, address)
	ok(t, first.Prepare(ctx))
	ok(t, first.Write(ctx, series(0, 1200)))
	ok(t, first.Write(ctx, series(1000, 300))) // of which 200 are there
	db := ask()
	if n := db.count(); n != 1300 {
		t.Fatalf("%d rows, want 1300", n)
	}
	want := record(1234)
	body, header, user, failure, at, sum := db.one(uuid.MustParse(want.ID))
	if !bytes.Equal(body, want.Request.Data) || !strings.Contains(header, "image/png") || user != "猫\uFFFD\uFFFD" || failure != "x\uFFFDy" ||
		!at.Equal(want.StartedAt) || !bytes.Equal(sum, want.Exchange.Response.SHA256[:]) {
		t.Errorf("came back as %q %q %q %q %s %x", body, header, user, failure, at, sum)
	}

	// A second program that begins at the same time finds the schema there.
	second := open(t, address)
	ok(t, second.Prepare(ctx))
	ok(t, second.Write(ctx, series(1300, 1)))

	refused := record(5000)
	refused.Service = strings.Repeat("x", 70<<20>>10)
	refused.Request.Data = bytes.Repeat([]byte{'\''}, 3<<20)
	if strings.HasPrefix(address, "mysql") {
		if err := first.Write(ctx, append(series(1301, 1), refused)); !errors.Is(err, sinks.ErrRefused) {
			t.Errorf("too large: %v", err)
		}
		if n := ask().count(); n != 1301 {
			t.Errorf("%d rows: half of a refused batch is there", n)
		}
	}

	// Killed in between, everything that was confirmed is there, and what was not can be sent again.
	s.kill()
	if err := second.Write(ctx, series(1301, 10)); err == nil || errors.Is(err, sinks.ErrRefused) {
		t.Errorf("write to a killed server: %v", err)
	}
	s.start()
	third := open(t, address)
	s.ready(func(ctx context.Context) error {
		err := third.Prepare(ctx)
		if err != nil {
			err = errors.Join(err, third.Close())
		}
		return err
	})
	ok(t, third.Write(ctx, series(1301, 10)))
	if n := ask().count(); n != 1311 {
		t.Errorf("%d rows after the kill, want 1311", n)
	}
}

// checkForeign has a table of somebody else left alone.
func checkForeign(t *testing.T, address, inTable string, run func(text string)) {
	run("CREATE TABLE mine (id INT)")
	target := open(t, address+inTable+"table=mine")
	if err := target.Prepare(within(t)); err == nil || !strings.Contains(err.Error(), "not made by aictl") {
		t.Errorf("a foreign table: %v", err)
	}
	other := open(t, address+inTable+"table=more_records")
	ok(t, other.Prepare(within(t)))
	ok(t, other.Write(within(t), series(0, 3)))
}

func TestBadURLs(t *testing.T) {
	for _, address := range []string{
		"", "ftp://x/y", "postgres://u:geheim@h:port/db", "postgres://h/db?table=a-b", "mysql://u:geheim@h", "mysql://u:geheim@h/", "mysql://h/a/b", "mysql://u:geheim@h/db?tls=maybe",
		"kafka://h", "kafka:///t", "kafka://h/a/b", "kafka://u:geheim@h/t?sasl=magic", "kafka://h/t?sasl=plain", "kafka://h/t?x=1", "mysql://h/db?table=" + strings.Repeat("a", 64), "postgres://u:geh%zz@h/db",
	} {
		err := Check(sinks.Config{Name: "x", URL: address})
		if err == nil {
			t.Errorf("%s was taken", address)
		} else if strings.Contains(err.Error(), "geh") {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
	}
	for _, address := range []string{
		"postgres://u:p@h:5432/db?sslmode=require", "postgresql://h/db?table=t_1", "mysql://u:p@h/db", "mariadb://u:p@h:3307/db?tls=true", "kafka://a:9092,b:9092/t", "kafkas://u:p@h:9093/t?sasl=scram-sha-512",
	} {
		if err := Check(sinks.Config{Name: "x", URL: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFittingStaysBelowThePacket(t *testing.T) {
	m := &mySQL{packet: 1 << 20}
	batch := series(0, 2000)
	if n := m.fitting(batch); n < 2 || n > maxRows {
		t.Errorf("%d small rows in a statement", n)
	}
	batch[0].Request.Data = make([]byte, 2<<20)
	if n := m.fitting(batch); n != 1 {
		t.Errorf("%d rows with a huge one", n)
	}
	if n := m.fitting(batch[1:2]); n != 1 {
		t.Errorf("%d of one row", n)
	}
}

func FuzzOpen(f *testing.F) {
	for _, seed := range []string{"postgres://u:p@h/db", "mysql://u:p@h/db?tls=true", "kafka://h:1/t", "kafkas://u@h/t?sasl=plain", "://", "postgres://[::1]/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if err := Check(sinks.Config{Name: "x", URL: address}); err != nil && len(err.Error()) > 1000 {
			t.Errorf("a long error: %d bytes", len(err.Error()))
		}
		fmt.Fprint(&strings.Builder{}, sinks.Masked(address))
	})
}
