package daemon_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"aictl/api"
)

// TestSinksGetEveryRecord has records carried to a queue through a change of the settings, a daemon that is killed, and a
// queue that is away for a while.
func TestSinksGetEveryRecord(t *testing.T) {
	t.Parallel()
	queue, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	address := queue.ListenAddrs()[0]

	r := newRig(t)
	file := filepath.Join(r.dir, "config.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lang: auto\n")
	r.flags = []string{"--config", file}
	r.start()
	r.deploy("echo", "")
	for range 20 {
		r.predict("echo")
	}
	if list := r.sinks(); len(list) != 0 {
		t.Fatalf("sinks %+v", list)
	}
	write(fmt.Sprintf("records: {sinks: [{name: lake, url: 'kafka://aictl:geheim@%s/records'}]}\n", address))
	r.until("the sink is refused", func() bool {
		list := r.sinks()
		return len(list) == 1 && list[0].State == "retrying" && list[0].Behind == 20
	})
	write(fmt.Sprintf("records: {sinks: [{name: lake, url: 'kafka://%s/records'}]}\n", address))
	sent := func(n int64) func() bool {
		return func() bool {
			list := r.sinks()
			return len(list) == 1 && list[0].Sent == n && list[0].Behind == 0 && list[0].State == "idle"
		}
	}
	r.until("20 records are there", sent(20))
	for range 20 {
		r.predict("echo")
	}
	r.signal(r.worker(), syscall.SIGKILL)
	r.until("the daemon is back", r.well)
	for range 20 {
		r.predict("echo")
	}
	r.until("60 records are there", sent(60))
	r.must("sinks", "test", "lake")

	keys, total := consume(t, address, "records", 60)
	if len(keys) != 60 || total > 60+40 {
		t.Errorf("%d messages with %d keys, want 60", total, len(keys))
	}
	if log, err := os.ReadFile(r.log()); err != nil || bytes.Contains(log, []byte("geheim")) {
		t.Errorf("the log tells the password, or cannot be read: %v", err)
	}
}

func (r *rig) sinks() []api.Sink {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	list, err := r.client.Sinks(ctx)
	if err != nil {
		return nil // the daemon may be away
	}
	return list.Sinks
}

// consume reads a topic until it has had want different keys.
func consume(t *testing.T, address, topic string, want int) (keys map[string]bool, total int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	keys = map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(keys) < want && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			keys[string(r.Key)] = true
			total++
		})
	}
	return keys, total
}
