package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"aictl/store/records"
)

// BenchmarkUpload measures how much longer an image of 5 MB takes than to the instance itself: over a bare ReverseProxy, and over the gateway with
// the upload stored, hashed as a whole and as a part of its form.
func BenchmarkUpload(b *testing.B) {
	addr := leanInstance(b)
	disk, err := records.Open(b.TempDir(), records.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := disk.Close(); err != nil {
			b.Error(err)
		}
	})
	_, stored := pipeline(b, disk, addr)
	body, kind := imageForm(b, 5<<20)
	ways := []*upload{
		{name: "direct", url: "http://" + addr + "/predict"},
		{name: "bare", url: bareProxy(b, addr) + "/predict"},
		{name: "stored", url: stored},
		{name: "stored-plain", url: stored, kind: "image/png"},
	}
	for _, u := range ways {
		if u.kind == "" {
			u.kind = kind
		}
		u.open(b, body)
	}
	b.ResetTimer()
	for i := range b.N {
		for k := range ways {
			ways[(i+k)%len(ways)].send(b)
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, u := range ways[1:] {
		b.ReportMetric(u.median(ways[0]), u.name+"-adds-ms")
	}
	b.ReportMetric(ways[0].median(nil), "direct-ms")
}

func imageForm(b *testing.B, size int) (body []byte, kind string) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("image", "scan.png")
	if err != nil {
		b.Fatal(err)
	}
	pixels := make([]byte, size)
	for i := range pixels {
		pixels[i] = byte(i * i >> 7)
	}
	if _, err := file.Write(pixels); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return form.Bytes(), w.FormDataContentType()
}

// upload is one way that the same form goes, again and again over one connection.
type upload struct {
	name, url, kind string
	conn            net.Conn
	br              *bufio.Reader
	request         []byte
	took            []time.Duration
}

func (u *upload) open(b *testing.B, body []byte) {
	at, err := url.Parse(u.url)
	if err != nil {
		b.Fatal(err)
	}
	if u.conn, err = net.Dial("tcp", at.Host); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { u.conn.Close() })
	u.br = bufio.NewReader(u.conn)
	u.request = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", at.Path, u.kind, len(body))
	u.request = append(u.request, body...)
	u.send(b)
	u.took = nil
}

func (u *upload) send(b *testing.B) {
	begun := time.Now()
	if _, err := u.conn.Write(u.request); err != nil {
		b.Fatal(u.name, err)
	}
	if err := skipMessage(u.br); err != nil {
		b.Fatal(u.name, err)
	}
	u.took = append(u.took, time.Since(begun))
}

// median is that of what the upload took in milliseconds, less what it took the other way in the same round.
func (u *upload) median(than *upload) float64 {
	all := slices.Clone(u.took)
	for i := range all {
		if than != nil {
			all[i] -= than.took[i]
		}
	}
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}
