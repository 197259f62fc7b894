package logs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// benchDir is a folder in memory where there is one, so that the disk's speed is not what is measured.
func benchDir(b *testing.B) string {
	b.Helper()
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err != nil {
		return b.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "aictl-logs-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

func benchmarkWriter(b *testing.B, chunk []byte) {
	w, err := Open(Options{Path: filepath.Join(benchDir(b), "x.log")})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		w.Write(Stdout, chunk)
	}
	if w.Lost() != 0 {
		b.Fatalf("lost %d bytes: %v", w.Lost(), w.Err())
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

func lines(size, n int) []byte {
	return bytes.Repeat(append(bytes.Repeat([]byte{'x'}, size-1), '\n'), n)
}

// What a reader of a pipe gets when the service is busy: 64 KiB of lines, the last of them cut.
func BenchmarkWriter100ByteLines(b *testing.B)  { benchmarkWriter(b, lines(100, 656)[:64<<10]) }
func BenchmarkWriter1000ByteLines(b *testing.B) { benchmarkWriter(b, lines(1000, 66)[:64<<10]) }
func BenchmarkWriterOneLine(b *testing.B)       { benchmarkWriter(b, lines(100, 1)) }
func BenchmarkWriterNoNewline(b *testing.B)     { benchmarkWriter(b, make([]byte, 64<<10)) }
