package targets

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"aictl/sinks"
)

// kafka produces to one topic: the record's id is the key, its JSON document the value.
type kafka struct {
	topic      string
	partitions int32
	opts       []kgo.Opt
	client     *kgo.Client
}

const kafkaAdvice = "the URL is not one of Kafka (write kafka://host1:9092,host2:9092/topic, kafkas:// for TLS, user:password@ and ?sasl=plain, scram-sha-256 or scram-sha-512)"

func newKafka(u *url.URL) (*kafka, error) {
	k := &kafka{topic: strings.TrimPrefix(u.Path, "/"), partitions: -1}
	if u.Host == "" || k.topic == "" || strings.ContainsAny(k.topic, "/ ") || len(k.topic) > 249 {
		return nil, errors.New(kafkaAdvice)
	}
	k.opts = []kgo.Opt{
		kgo.SeedBrokers(strings.Split(u.Host, ",")...),
		kgo.DefaultProduceTopic(k.topic),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.RequiredAcks(kgo.AllISRAcks()), // with the idempotent producer, which is the default
		kgo.DialTimeout(10 * time.Second),
		// Within an attempt the client repeats what got no answer, and the broker knows it again. An attempt must end nevertheless,
		// for the program does: what may then be there twice has the same key.
		kgo.AllowIdempotentProduceCancellation(),
	}
	if u.Scheme == "kafkas" {
		k.opts = append(k.opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	q := u.Query()
	how := q.Get("sasl")
	q.Del("sasl")
	for name := range q {
		return nil, fmt.Errorf("unknown parameter %q: %s", name, kafkaAdvice)
	}
	if u.User == nil {
		if how != "" {
			return nil, errors.New(kafkaAdvice)
		}
		return k, nil
	}
	password, _ := u.User.Password()
	switch cmp.Or(how, "plain") {
	case "plain":
		k.opts = append(k.opts, kgo.SASL(plain.Auth{User: u.User.Username(), Pass: password}.AsMechanism()))
	case "scram-sha-256":
		k.opts = append(k.opts, kgo.SASL(scram.Auth{User: u.User.Username(), Pass: password}.AsSha256Mechanism()))
	case "scram-sha-512":
		k.opts = append(k.opts, kgo.SASL(scram.Auth{User: u.User.Username(), Pass: password}.AsSha512Mechanism()))
	default:
		return nil, errors.New(kafkaAdvice)
	}
	return k, nil
}

// Prepare implements sinks.Target: the topic is made, with the broker's own defaults, when it is not there.
func (k *kafka) Prepare(ctx context.Context) error {
	client, err := kgo.NewClient(k.opts...)
	if err != nil {
		return err
	}
	k.client = client
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	admin := kadm.NewClient(client)
	found, err := admin.ListTopics(ctx, k.topic)
	if err == nil && found.Has(k.topic) && found[k.topic].Err == nil {
		return nil
	}
	made, err := admin.CreateTopic(ctx, k.partitions, -1, nil, k.topic)
	if err = cmp.Or(err, made.Err); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w; create it by hand, or let this user", k.topic, err)
	}
	return nil
}

// Write implements sinks.Target. After an error some of the records may be there; their keys tell them apart.
func (k *kafka) Write(ctx context.Context, batch []*sinks.Record) error {
	messages := make([]*kgo.Record, len(batch))
	for i, r := range batch {
		value, err := document(r)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.ID, err)
		}
		messages[i] = &kgo.Record{Key: []byte(r.ID), Value: value, Timestamp: r.StartedAt, Headers: []kgo.RecordHeader{
			{Key: "service", Value: []byte(r.Service)}, {Key: "content-type", Value: []byte("application/json")},
		}}
	}
	err := k.client.ProduceSync(ctx, messages...).FirstErr()
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord) || errors.Is(err, kerr.RecordListTooLarge) {
		return fmt.Errorf("%w: %w", sinks.ErrRefused, err)
	}
	return err
}

// Close implements sinks.Target.
func (k *kafka) Close() error {
	if k.client != nil {
		k.client.Close()
		k.client = nil
	}
	return nil
}
