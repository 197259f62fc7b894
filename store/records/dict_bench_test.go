package records

import (
	"testing"

	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"
)

// BenchmarkDictionary compares what a block takes alone with what it takes with a dictionary of 64 KiB that was trained on
// the blocks before it: the choice in docs/recording.md. A block of a quiet service has a few records only.
func BenchmarkDictionary(b *testing.B) {
	a := openTest(b, b.TempDir())
	for _, kind := range []string{"text", "forms", "floats", "image"} {
		for _, records := range []int{8, batchSize} {
			b.Run(kind+"/"+map[int]string{8: "of8", batchSize: "of256"}[records], func(b *testing.B) {
				streams := func(n, records int) []byte {
					chunks, err := a.prepare(benchBatch(kind, n)[:records])
					ok(b, err)
					return append(append(append([]byte{}, chunks[0].raw.nums...), chunks[0].raw.texts...), chunks[0].raw.bodies...)
				}
				var samples [][]byte
				for n := range 40 { // small ones: the trainer takes no more than a dictionary's length
					samples = append(samples, streams(n, 8))
				}
				trained, err := dict.BuildZstdDict(samples, dict.Options{MaxDictSize: 64 << 10, HashBytes: 6, ZstdDictID: 1, ZstdLevel: blockLevel})
				ok(b, err)
				with, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(blockLevel), zstd.WithEncoderDict(trained), zstd.WithEncoderCRC(false))
				ok(b, err)
				next := streams(1000, records)
				var alone, helped []byte
				for b.Loop() {
					alone, helped = a.codec.enc.EncodeAll(next, alone[:0]), with.EncodeAll(next, helped[:0])
				}
				b.ReportMetric(float64(len(alone))/float64(records), "alone-B/pair")
				b.ReportMetric(float64(len(helped))/float64(records), "dictionary-B/pair")
			})
		}
	}
}
