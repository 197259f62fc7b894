package gateway

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"aictl/configs"
)

// However a long body is cut, its digest is that of all of it, and what is kept is its beginning.
func TestLongBodiesAreHashedBesideTheirWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{hashAfter, hashAfter + 1, hashAfter + hashPieceSize, 1<<20 + 17} {
		for _, limit := range []int{1000, 300 << 10, 4 << 20} {
			body := make([]byte, size)
			for i := range body {
				body[i] = byte(rng.Uint32())
			}
			var c capture
			x := &exchange{ticket: &collected{c: &collector{}}, route: &route{}}
			x.route.Record.MaxBody = configs.Size(limit)
			c.init(x, -1)
			for rest := body; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(90_000))
				c.add(rest[:n])
				rest = rest[n:]
			}
			if (c.hashing != nil) != (size > hashAfter) {
				t.Errorf("%d bytes: beside its way is %v", size, c.hashing != nil)
			}
			m := c.message()
			if m.SHA256 != sha256.Sum256(body) || m.Size != int64(size) || !bytes.Equal(m.Body, body[:min(size, limit)]) || m.Truncated != (size > limit) {
				t.Errorf("%d bytes, %d kept: %d kept of %d, truncated %v, or another digest", size, limit, len(m.Body), m.Size, m.Truncated)
			}
		}
	}
}
