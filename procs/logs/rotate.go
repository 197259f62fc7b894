package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// foreverFactor times MaxBytes is how far a file may grow while a line in it does not end.
const foreverFactor = 4

// flush writes the batch to the file and empties it. What cannot be written is counted as lost.
func (w *Writer) flush(b *batch) {
	if len(b.buf) == 0 {
		return
	}
	data := b.buf
	b.buf = b.buf[:0]
	size, err := w.ready(int64(len(data)))
	if err != nil {
		w.drop(data, err)
		return
	}
	var mark int
	if w.missing > 0 {
		m := w.marker(w.opt.Now())
		mark = len(m)
		data = append(m, data...)
	}
	n, err := w.file.Write(data)
	if err == nil {
		w.written(b.stream, mark > 0, b.partial)
		return
	}
	// Whole records that made it stay; a marker stays only with one of the records that follow it, or a disk
	// with little room left would fill with markers.
	good := bytes.LastIndexByte(data[:max(n, 0)], '\n') + 1
	if good > mark {
		_, partial := payload(data[mark:good])
		w.written(b.stream, mark > 0, partial)
	} else {
		good = 0
	}
	w.torn = size + int64(good)
	w.drop(data[max(good, mark):], err)
	if w.repair() == nil {
		w.torn = -1
	}
}

// written takes over what a successful write changed in the file.
func (w *Writer) written(s Stream, marked, partial bool) {
	if marked {
		w.missing = 0
		w.open = [streams]bool{}
	}
	w.open[s] = partial
	w.fault = nil
}

// flushMarker tells of a loss that no later output has told of.
func (w *Writer) flushMarker() {
	if w.missing == 0 {
		return
	}
	size, err := w.ready(0)
	if err != nil {
		return
	}
	if _, err := w.file.Write(w.marker(w.opt.Now())); err != nil {
		w.torn = size
		if w.repair() == nil {
			w.torn = -1
		}
		return
	}
	w.missing, w.open, w.fault = 0, [streams]bool{}, nil
}

// drop counts records as lost.
func (w *Writer) drop(records []byte, err error) {
	n, _ := payload(records)
	w.lost.Add(n)
	w.missing += n
	w.fault = err
}

// ready makes the file fit for n more bytes: opened (again, if someone removed it), repaired, rotated.
// It returns the file's size.
func (w *Writer) ready(n int64) (size int64, err error) {
	if w.file == nil {
		if err := w.openFile(); err != nil {
			return 0, err
		}
	}
	size, removed, err := w.file.State()
	if err != nil {
		return 0, fmt.Errorf("look at log %s: %w", w.opt.Path, err)
	}
	if removed {
		if err := w.reopen(); err != nil {
			return 0, err
		}
		if size, _, err = w.file.State(); err != nil {
			return 0, fmt.Errorf("look at log %s: %w", w.opt.Path, err)
		}
	}
	if w.torn >= 0 {
		if err := w.repair(); err != nil {
			return 0, fmt.Errorf("repair log %s: %w", w.opt.Path, err)
		}
		size, w.torn = min(size, w.torn), -1
	}
	if size > 0 && size+n > w.opt.MaxBytes && (w.between() || size >= foreverFactor*w.opt.MaxBytes) && w.rotate() == nil {
		size = 0
	}
	return size, nil
}

// between reports whether no stream has a line begun in the file and not finished.
func (w *Writer) between() bool { return !w.open[Stdout] && !w.open[Stderr] }

// repair cuts half a record from the file's end.
func (w *Writer) repair() error {
	size, _, err := w.file.State()
	if err != nil || size <= w.torn {
		return err
	}
	return w.file.Truncate(w.torn)
}

// rotate gives the current file its sequence number and begins a new one. When that does not work, the
// current file goes on: a file that is too long is better than lines that are lost.
func (w *Writer) rotate() error {
	path, next := w.opt.Path, w.lastSeq+1
	name := rotatedName(path, next)
	if err := w.opt.disk.Rename(path, name); err != nil {
		return err
	}
	f, err := w.opt.disk.Open(path)
	if err != nil {
		return errors.Join(err, w.opt.disk.Rename(name, path))
	}
	// Everything in the old file was written by write(2) already; closing cannot lose any of it.
	if err := w.file.Close(); err != nil {
		w.fault = err
	}
	w.file, w.lastSeq = f, next
	w.rotated = append(w.rotated, next)
	w.prune()
	return nil
}

// prune removes the oldest rotated files. One that cannot be removed is tried again at the next rotation.
func (w *Writer) prune() {
	for len(w.rotated) > w.opt.Files-1 {
		err := w.opt.disk.Remove(rotatedName(w.opt.Path, w.rotated[0]))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		w.rotated = w.rotated[1:]
	}
}

// reopen replaces a file that was removed while it was open.
func (w *Writer) reopen() error {
	if err := w.file.Close(); err != nil {
		w.fault = err
	}
	w.file, w.torn = nil, -1
	return w.openFile()
}

// openFile opens the current file, repairs its end and learns which lines go on.
func (w *Writer) openFile() error {
	seqs, err := w.opt.disk.Rotated(w.opt.Path)
	if err != nil {
		return fmt.Errorf("list the rotated files of log %s: %w", w.opt.Path, err)
	}
	f, err := w.opt.disk.Open(w.opt.Path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if w.open, err = mend(f); err != nil {
		return errors.Join(fmt.Errorf("repair log %s: %w", w.opt.Path, err), f.Close())
	}
	w.file, w.rotated = f, seqs
	if len(seqs) > 0 {
		w.lastSeq = max(w.lastSeq, seqs[len(seqs)-1])
	}
	w.prune()
	return nil
}

// mend repairs what a crash left at the file's end: half a record is finished when its head is whole, and cut
// off otherwise. It reports the streams whose last record is a part that goes on.
func mend(f file) (open [streams]bool, err error) {
	size, _, err := f.State()
	if err != nil || size == 0 {
		return open, err
	}
	b := batches.Get().(*batch)
	defer b.free()
	from := max(0, size-batchBytes)
	end := b.buf[:size-from]
	if n, err := f.ReadAt(end, from); n < len(end) && !errors.Is(err, io.EOF) {
		return open, err
	}
	last := bytes.LastIndexByte(end, '\n') + 1
	if last < len(end) {
		if _, ok := parseRecord(end[last:]); ok || (last == 0 && from > 0) {
			_, err = f.Write([]byte{'\n'})
		} else {
			end = end[:last]
			err = f.Truncate(from + int64(last))
		}
	}
	if from > 0 {
		_, end, _ = bytes.Cut(end, []byte{'\n'})
	}
	for line := range bytes.Lines(end) {
		if rec, ok := parseRecord(bytes.TrimSuffix(line, []byte{'\n'})); ok {
			open[rec.stream] = rec.partial
		}
	}
	return open, err
}
