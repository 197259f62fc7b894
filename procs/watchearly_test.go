package procs

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// The first events may overtake the answer to the watch. None may be taken for it: without the beginning of what the
// keeper tells, its end would say that nothing is there.
func TestEventsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k.sock")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hasty(socket) }()
	own, err := dialWatch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan Status, 16)
	w := &watcher{own: own, changes: changes, known: make(map[string]bool)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w.run(ctx)
	close(changes)
	var got []string
	for s := range changes {
		got = append(got, s.ID+" "+string(s.State))
	}
	if len(got) != 1 || got[0] != "ocr/1 running" {
		t.Errorf("told %q, want the one that runs", got)
	}
	if err := own.conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// hasty is a keeper that tells everything before it answers.
func hasty(socket net.Listener) error {
	defer socket.Close()
	conn, err := socket.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	in, out := newFrameReader(conn), frameWriter{conn: conn}
	status, err := json.Marshal(Status{ID: "ocr/1", State: StateRunning, PID: 1, Seq: 1})
	if err != nil {
		return err
	}
	hello, err := json.Marshal(Hello{Protocol: maxProtocol})
	if err != nil {
		return err
	}
	for _, answers := range [][]frame{
		{{ID: 1, Body: hello}},
		{{ID: 2, Event: eventResync}, {ID: 2, Event: eventStatus, Body: status}, {ID: 2}, {ID: 2, Event: eventSynced}},
	} {
		if _, err := in.next(); err != nil {
			return err
		}
		for _, f := range answers {
			if err := out.send(f, time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}
