package procs

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"aictl/procs/internal/kernel"
	"aictl/procs/logs"
)

// readBytes is one read: as much as a grown pipe may hold would only spoil the processor's cache.
const readBytes = 256 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBytes]byte) }}

// stream carries one output of an instance from its FIFO into the log. It lives as long as the instance, through
// every restart, and holds a buffer only while there is something to read.
type stream struct {
	kind  logs.Stream
	path  string
	file  *os.File
	raw   syscall.RawConn
	pipes *pipeBudget
	log   *slog.Logger
	done  chan struct{}
	ended atomic.Bool

	mu   sync.Mutex // read and write belong together: it keeps the order of bytes
	out  output
	full int // reads in a row that filled the pipe
}

// output is where a stream writes to; *logs.Writer is one.
type output interface {
	Write(s logs.Stream, chunk []byte)
	EndStream(s logs.Stream)
}

// openStream makes the FIFO and begins to read it.
func openStream(path string, kind logs.Stream, out output, pipes *pipeBudget, log *slog.Logger) (*stream, error) {
	if err := kernel.MakeFIFO(path); err != nil {
		return nil, err
	}
	file, err := kernel.OpenFIFOReader(path)
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &stream{kind: kind, path: path, file: file, raw: raw, out: out, pipes: pipes, log: log, done: make(chan struct{})}
	go s.run()
	return s, nil
}

// run reads until the stream is closed.
func (s *stream) run() {
	defer close(s.done)
	var fault error
	err := s.raw.Read(func(fd uintptr) bool {
		fault = s.copyAll(int(fd), math.MaxInt)
		return fault != nil
	})
	if err = errors.Join(fault, err); !s.ended.Load() {
		s.log.Error("read output", "fifo", s.path, "err", err)
	}
}

// drain reads what is in the pipe now and finishes the last line. Call it when nobody writes any more; if somebody
// does, it still ends.
func (s *stream) drain() error {
	var fault error
	err := s.raw.Control(func(fd uintptr) { fault = s.copyAll(int(fd), s.pipes.most()) })
	s.mu.Lock()
	s.out.EndStream(s.kind)
	s.mu.Unlock()
	s.pipes.release(s)
	return errors.Join(err, fault)
}

// copyAll reads until the pipe is empty or enough is read. It gives other streams a turn between reads.
func (s *stream) copyAll(fd, enough int) error {
	for read := 0; read < enough && !s.ended.Load(); {
		n, err := s.copyOnce(fd)
		if errors.Is(err, syscall.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		read += n
	}
	return nil
}

func (s *stream) copyOnce(fd int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := readBuffers.Get().(*[readBytes]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := syscall.Read(fd, buf[:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n > 0 {
			s.out.Write(s.kind, buf[:n])
			s.noteBusy(fd, n)
		}
		return n, err
	}
}

// noteBusy asks for a larger pipe once reads keep finding a full one.
func (s *stream) noteBusy(fd, n int) {
	if n < smallPipe {
		s.full = 0
		return
	}
	s.full++
	if s.full >= busyReads {
		s.full = 0
		s.pipes.grow(s, fd)
	}
}

// shrink makes the pipe small again; false when what is in it does not fit.
func (s *stream) shrink() bool {
	fault := error(nil)
	err := s.raw.Control(func(fd uintptr) { fault = kernel.SetPipeSize(int(fd), smallPipe) })
	return fault == nil || err != nil
}

// redirect makes the stream write to out from now on.
func (s *stream) redirect(out output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = out
}

// close ends reading. What is in the FIFO stays there for whoever opens it next.
func (s *stream) close() error {
	s.pipes.release(s)
	s.ended.Store(true)
	err := s.file.Close()
	<-s.done
	return err
}
