package main

import (
	"testing"
	"time"

	"aictl/api"
)

func TestSinks(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/sinks", api.SinkList{SchemaVersion: 1, Sinks: []api.Sink{
		{Name: "db:5432/records", URL: "postgres://aictl:********@db:5432/records", State: "idle", Sent: 1200, LastSentAt: now.Add(-3 * time.Second)},
		{Name: "lake", URL: "kafka://k1:9092/records", State: "retrying", Sent: 5, Behind: 77, Missed: 2, Error: "connection refused"},
	}})
	s.run(t, "sinks", "list").want(t, exitOK, []string{"db:5432/records  idle", "1200", "retrying", "77", "connection refused"}, nil)
	s.run(t, "sinks", "ls", "-o", "json").want(t, exitOK, []string{`"behind": 77`}, nil)
	s.run(t, "sinks", "ls", "--lang", "zh").want(t, exitOK, []string{"重试中"}, nil)
	none := newServer(t)
	none.answer("GET /api/v1/sinks", api.SinkList{SchemaVersion: 1, Sinks: []api.Sink{}})
	none.run(t, "sinks", "list").want(t, exitOK, nil, []string{"records.sinks"})

	s.answer("POST /api/v1/sinks/test", api.SinkResult{SchemaVersion: 1, Name: "a/b", OK: true})
	s.run(t, "sinks", "test", "a/b").want(t, exitOK, []string{"a/b: it can be reached"}, nil)
	s.sawRequest(t, "POST /api/v1/sinks/test?name=a%2Fb")
	none.answer("POST /api/v1/sinks/test", api.SinkResult{SchemaVersion: 1, Name: "lake", Error: "sink lake: connection refused"})
	none.run(t, "sinks", "test", "lake").want(t, exitFailed, nil, []string{"connection refused", "check the address"})

	s.answer("POST /api/v1/sinks/retry", api.SinkResult{SchemaVersion: 1, Name: "lake", OK: true})
	s.run(t, "sinks", "retry", "lake").want(t, exitOK, []string{"lake: it tries again"}, nil)
	s.answer("POST /api/v1/sinks/rewind", api.SinkResult{SchemaVersion: 1, Name: "lake", OK: true})
	s.run(t, "sinks", "rewind", "lake", "--to", "now").want(t, exitOK, []string{"lake: it begins anew"}, nil)
	s.sawRequest(t, "POST /api/v1/sinks/rewind?name=lake&to=now")
	s.run(t, "sinks", "rewind", "lake", "--to", "noon").want(t, exitUsage, nil, []string{"neither beginning nor now"})
	s.run(t, "sinks", "test").want(t, exitUsage, nil, []string{"SINK"})
}
