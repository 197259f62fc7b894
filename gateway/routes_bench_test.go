package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/configs"
)

// BenchmarkRoutes is what canaries, shadows and the cache cost: the time of a request of 400 bytes over eight connections, for each of them and
// without any.
func BenchmarkRoutes(b *testing.B) {
	body := strings.Repeat("x", 400)
	addr := upstream(b, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			io.WriteString(w, body)
		}
	})
	plain := Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Release: "r1", Addr: addr}}}
	canary, shadow, cached := plain, plain, plain
	canary.Canary = &Canary{Release: "r2", Weight: 50, Targets: []Target{{Instance: "svc/2", Release: "r2", Addr: addr}}}
	shadow.Shadow = &Shadow{Service: "svc", Release: "r2", Percent: 100, Targets: []Target{{Instance: "svc/2", Release: "r2", Addr: addr}}}
	cached.Gateway.Cache = configs.Cache{TTL: configs.Duration(time.Hour)}
	for _, c := range []struct {
		name  string
		route Route
	}{{"plain", plain}, {"canary", canary}, {"shadow", shadow}, {"cache hit", cached}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, Options{})
			r.rec.off = true
			r.set(b, c.route)
			do(b, http.MethodPost, r.url+"/ai/svc/predict", strings.NewReader(body))
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				cl := client(b)
				for pb.Next() {
					res, err := cl.Post(r.url+"/ai/svc/predict", "application/json", strings.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					readAll(b, res)
				}
			})
		})
	}
}
