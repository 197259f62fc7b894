package logs

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where and how a Writer keeps a log. Only Path must be given.
type Options struct {
	Path     string           // the current file
	MaxBytes int64            // rotate before a file grows beyond this; 10 MB by default
	Files    int              // how many files to keep, the current one included; 5 by default
	Now      func() time.Time // time.Now by default

	disk disk
}

// Defaults of Options.
const (
	DefaultMaxBytes = 10_000_000
	DefaultFiles    = 5
)

// Writer writes the output of one instance to its log. It is safe for concurrent use, never fails its caller
// and keeps no buffer while no line is unfinished: what cannot be written is counted and dropped.
type Writer struct {
	opt Options

	mu      sync.Mutex
	file    file // nil while it cannot be opened
	rotated []uint64
	lastSeq uint64
	tail    [streams][]byte // the unfinished line of each stream, at most maxPart bytes
	open    [streams]bool   // the stream's last record in the file is a part that goes on
	torn    int64           // when not negative, the file's good size: what follows is half a record
	missing int64           // lost bytes that no marker line has told of yet
	fault   error           // why the last write failed; nil when it did not
	closed  bool

	lost atomic.Int64
}

// Open opens or continues the log at opt.Path. It fails only for options that cannot work: a disk that is
// full or a folder that may not be written to is tried again with every Write, see Err and Lost.
//
// A last record torn by a crash is repaired. A line left unfinished by the Writer before goes on with the next
// bytes of its stream; call EndStream first when they come from another process.
func Open(opt Options) (*Writer, error) {
	if opt.Path == "" {
		return nil, errors.New("open log: no path given")
	}
	if opt.MaxBytes < 0 || opt.Files < 0 {
		return nil, errors.New("open log " + opt.Path + ": size and number of files must not be negative")
	}
	opt.Path = filepath.Clean(opt.Path)
	if opt.MaxBytes == 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	if opt.Files == 0 {
		opt.Files = DefaultFiles
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.disk == nil {
		opt.disk = osDisk{}
	}
	w := &Writer{opt: opt, torn: -1}
	w.fault = w.openFile()
	return w, nil
}

// Write appends a chunk of a stream's output. Whole lines are in the file when it returns, the beginning of
// an unfinished one is remembered. It keeps no reference to chunk.
func (w *Writer) Write(s Stream, chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.lost.Add(int64(len(chunk)))
		return
	}
	if w.tail[s] == nil && len(chunk) < maxPart && bytes.IndexByte(chunk, '\n') < 0 {
		w.tail[s] = bytes.Clone(chunk)
		return
	}
	b := w.newBatch(s)
	for {
		i := bytes.IndexByte(chunk, '\n')
		if i < 0 {
			break
		}
		w.line(b, chunk[:i])
		chunk = chunk[i+1:]
	}
	w.remember(b, chunk)
	w.flush(b)
	b.free()
}

// line adds a line's last bytes to the batch, after what its stream had left unfinished.
func (w *Writer) line(b *batch, text []byte) {
	if len(w.tail[b.stream])+len(text) > maxPart {
		text = w.parts(b, text)
	}
	w.add(b, false, w.tail[b.stream], text)
	w.tail[b.stream] = nil
}

// remember keeps the beginning of a line for later; of a long one, whole parts go out.
func (w *Writer) remember(b *batch, text []byte) {
	if len(w.tail[b.stream])+len(text) > maxPart {
		text = w.parts(b, text)
	}
	if len(text) > 0 {
		w.tail[b.stream] = append(w.tail[b.stream], text...)
	}
}

// parts adds P records until what is left fits into one record, and returns that.
func (w *Writer) parts(b *batch, text []byte) []byte {
	for len(w.tail[b.stream])+len(text) > maxPart {
		n := maxPart - len(w.tail[b.stream])
		w.add(b, true, w.tail[b.stream], text[:n])
		w.tail[b.stream] = nil
		text = text[n:]
	}
	return text
}

// add puts a record of head+text into the batch, which goes to the file first when it is full.
func (w *Writer) add(b *batch, partial bool, head, text []byte) {
	if len(b.buf) > 0 && len(b.buf)+headLen+len(head)+len(text)+1 > b.limit {
		w.flush(b)
	}
	b.add(partial, head, text)
}

// EndStream says that the stream's writer is gone: an unfinished line is finished.
func (w *Writer) EndStream(s Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || (w.tail[s] == nil && !w.open[s]) {
		return
	}
	before := w.lost.Load()
	b := w.newBatch(s)
	w.line(b, nil)
	w.flush(b)
	b.free()
	if w.lost.Load() > before {
		// The newline that this record would have ended with was never in the output.
		w.lost.Add(-1)
		w.missing--
	}
}

// Flush writes unfinished lines as parts that go on, so that they outlive this process.
func (w *Writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushTails()
}

func (w *Writer) flushTails() {
	for s := range Stream(streams) {
		if w.tail[s] == nil {
			continue
		}
		b := w.newBatch(s)
		w.add(b, true, w.tail[s], nil)
		w.tail[s] = nil
		w.flush(b)
		b.free()
	}
}

// Lost is how many bytes of output could not be written since Open, newlines included.
func (w *Writer) Lost() int64 { return w.lost.Load() }

// Err says why the last attempt to write failed; nil when it did not.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// Close flushes as Flush does and closes the file. Output that comes later counts as lost.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.flushTails()
	w.flushMarker()
	w.closed = true
	if w.file == nil {
		return w.fault
	}
	err := errors.Join(w.fault, w.file.Close())
	w.file = nil
	return err
}
