package targets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"aictl/internal/servers"
	"aictl/sinks"
)

// broker is a Kafka of one node that keeps its data in a folder.
func broker(t *testing.T, dir string, port int, more ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites(), kfake.DefaultNumPartitions(3)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// consume reads a topic from its beginning until it has had want different keys, and then a moment longer.
func consume(t *testing.T, address, topic string, want int) (byKey map[string]*kgo.Record, total int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	byKey = map[string]*kgo.Record{}
	deadline := time.Now().Add(time.Minute)
	for {
		wait := time.Second
		if len(byKey) < want {
			wait = time.Until(deadline)
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		fetched := client.PollFetches(ctx)
		cancel()
		if fetched.NumRecords() == 0 {
			return byKey, total
		}
		fetched.EachRecord(func(r *kgo.Record) {
			byKey[string(r.Key)] = r
			total++
		})
	}
}

func TestKafka(t *testing.T) {
	t.Parallel()
	port, err := strconv.Atoi(servers.FreePort(t))
	ok(t, err)
	c := broker(t, t.TempDir(), port, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "aictl", "geheim"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "300000"}))
	defer c.Close()
	host := c.ListenAddrs()[0]
	target := open(t, "kafka://aictl:geheim@"+host+"/records?sasl=scram-sha-256")
	ctx := within(t)
	ok(t, target.Prepare(ctx))
	ok(t, target.Write(ctx, series(0, 200)))
	huge := record(900)
	huge.Request.Data = bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB; compression does not count for the limit of a batch
	if err := target.Write(ctx, []*sinks.Record{huge}); !errors.Is(err, sinks.ErrRefused) {
		t.Errorf("too large: %v", err)
	}
	ok(t, target.Close())
	ok(t, target.Prepare(ctx)) // the topic is there
	ok(t, target.Write(ctx, series(200, 1)))

	wrong := open(t, "kafka://aictl:falsch@"+host+"/records?sasl=scram-sha-256")
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := wrong.Prepare(short); err == nil || strings.Contains(err.Error(), "falsch") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestTheMessage(t *testing.T) {
	port, err := strconv.Atoi(servers.FreePort(t))
	ok(t, err)
	c := broker(t, t.TempDir(), port)
	defer c.Close()
	host := c.ListenAddrs()[0]
	target := open(t, "kafka://"+host+"/records")
	ok(t, target.Prepare(within(t)))
	want := record(7)
	ok(t, target.Write(within(t), []*sinks.Record{want}))
	got, total := consume(t, host, "records", 1)
	r := got[want.ID]
	if r == nil || total != 1 {
		t.Fatalf("%d messages, keys %v", total, got)
	}
	var m message
	ok(t, json.Unmarshal(r.Value, &m))
	if m.ID != want.ID || m.Service != "ocr" || m.Request.Encoding != "base64" || m.Response.Body != `{"label":"猫"}` || m.Response.Encoding != "text" ||
		!m.StartedAt.Equal(want.StartedAt) || m.DurationUS != 4500 || m.Response.State != sinks.StateFull || len(m.Response.SHA256) != 64 || !r.Timestamp.Equal(want.StartedAt.Truncate(time.Millisecond)) {
		t.Errorf("%s", r.Value)
	}
}
