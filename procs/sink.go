package procs

import (
	"errors"
	"sync/atomic"
	"time"

	"aictl/procs/logs"
)

// sink is where an instance's output goes: its log, or nowhere when it has no path.
type sink struct {
	output
	policy LogPolicy
	writer *logs.Writer // nil when there is no log

	tell func()       // called when more output was lost
	told atomic.Int64 // how much had been lost then
	soon atomic.Bool  // it will be called
}

// lossPause is how long a loss is gathered before it is told.
const lossPause = 200 * time.Millisecond

// Write sees to it that a loss becomes known also when nothing else happens to the instance.
func (s *sink) Write(kind logs.Stream, chunk []byte) {
	s.output.Write(kind, chunk)
	if s.writer != nil && s.writer.Lost() != s.told.Load() && s.soon.CompareAndSwap(false, true) {
		time.AfterFunc(lossPause, func() {
			s.soon.Store(false)
			s.told.Store(s.writer.Lost())
			s.tell()
		})
	}
}

// discard is the output of an instance without a log.
type discard struct{}

func (discard) Write(logs.Stream, []byte) {}
func (discard) EndStream(logs.Stream)     {}

func (h *host) openSink(policy LogPolicy) (*sink, error) {
	if policy.Path == "" {
		return &sink{output: discard{}, policy: policy}, nil
	}
	writer, err := logs.Open(logs.Options{Path: policy.Path, MaxBytes: policy.MaxBytes, Files: policy.Files, Now: h.now})
	if err != nil {
		return nil, err
	}
	return &sink{output: writer, policy: policy, writer: writer}, nil
}

func (s *sink) close() error {
	if s.writer == nil {
		return nil
	}
	return s.writer.Close()
}

// lost is how much output could not be written.
func (i *instance) lost() int64 {
	if s := i.sink.Load(); s != nil && s.writer != nil {
		return s.writer.Lost()
	}
	return 0
}

// openOutput makes sure that log and FIFOs are open, the log as the spec has it now.
func (i *instance) openOutput() error {
	old := i.sink.Load()
	if old == nil || old.policy != i.spec.Log {
		fresh, err := i.host.openSink(i.spec.Log)
		if err != nil {
			return err
		}
		fresh.tell = func() { i.post(message{query: i.report}) }
		i.sink.Store(fresh)
		i.redirect(old, fresh)
	}
	for n, kind := range []logs.Stream{logs.Stdout, logs.Stderr} {
		if i.streams[n] != nil {
			continue
		}
		err := i.host.limited(func() (err error) {
			i.streams[n], err = openStream(i.host.fifoPath(i.id, kindName(kind)), kind, i.sink.Load(), i.host.pipes, i.log)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func kindName(kind logs.Stream) string {
	if kind == logs.Stderr {
		return "err"
	}
	return "out"
}

func (i *instance) redirect(old, fresh *sink) {
	for _, s := range i.streams {
		if s != nil {
			s.redirect(fresh)
		}
	}
	if old != nil {
		i.warn("close log", old.close())
	}
}

// closeOutput closes FIFOs and log. What a FIFO still holds is kept by the kernel while a process has it open.
func (i *instance) closeOutput() {
	var faults []error
	for n, s := range i.streams {
		if s != nil {
			faults = append(faults, s.close())
			i.streams[n] = nil
		}
	}
	if s := i.sink.Swap(nil); s != nil {
		faults = append(faults, s.close())
	}
	i.warn("close output", errors.Join(faults...))
}
