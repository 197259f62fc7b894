package daemon_test

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aictl/daemon"
	"aictl/gateway"
	"aictl/recorder/intents"
	"aictl/store/records"
)

// witness asks a service all the time and remembers the record ids of the answers it got.
type witness struct {
	mu   sync.Mutex
	ids  []string
	quit chan struct{}
	wg   sync.WaitGroup
}

func (r *rig) witness(service string, clients int) *witness {
	w := &witness{quit: make(chan struct{})}
	for range clients {
		w.wg.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: patience}
			breath := time.NewTicker(time.Millisecond) // leaves others some of the machine
			defer breath.Stop()
			for {
				select {
				case <-w.quit:
					return
				case <-breath.C:
					w.ask(client, r.gateway+"/ai/"+service+"/predict")
				}
			}
		})
	}
	return w
}

// ask asks once. A request that is cut by a kill is nothing that was seen.
func (w *witness) ask(client *http.Client, url string) {
	res, err := client.Post(url, "application/json", strings.NewReader(`{"text":"hello"}`))
	if err != nil {
		return
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		return
	}
	w.mu.Lock()
	w.ids = append(w.ids, res.Header.Get(gateway.HeaderRecord))
	w.mu.Unlock()
}

func (w *witness) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ids)
}

func (w *witness) stop() []string {
	close(w.quit)
	w.wg.Wait()
	return w.ids
}

// ends are the records of a data directory whose daemon has ended, by id. Two with one id fail the test.
func (r *rig) ends() map[string]records.End {
	r.t.Helper()
	archive, err := records.Open(filepath.Join(r.data, "records"), records.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := archive.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	found := map[string]records.End{}
	warnings, err := archive.Each(r.t.Context(), records.Filter{}, func(x *records.Exchange) error {
		if _, twice := found[x.ID]; twice {
			r.t.Errorf("two records with the id %s", x.ID)
		}
		if x.End == records.EndLost && (x.Service == "" || x.Method != http.MethodPost || x.Path != "/predict" || x.TraceID == "" || x.StartedAt.IsZero()) {
			r.t.Errorf("a lost record does not say what was lost: %+v", x)
		}
		found[x.ID] = x.End
		return nil
	})
	if err != nil || len(warnings) > 0 {
		r.t.Fatal(warnings, err)
	}
	return found
}

// pastLedger is the account of all runs of a service, once no daemon runs.
func (r *rig) pastLedger(service string) records.Ledger {
	r.t.Helper()
	journal := intents.Open(daemon.Layout{Root: r.data}.Intents(), slog.New(slog.DiscardHandler))
	defer func() {
		if err := journal.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	all, err := journal.Past()
	if err != nil {
		r.t.Fatal(err)
	}
	return all[service]
}

// TestNothingIsMissingAfterKills: whenever the daemon is killed under load, each request that a client saw answered is
// recorded, or listed as lost; the ledger goes on and adds up; and nothing is there twice.
func TestNothingIsMissingAfterKills(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := startRig(t)
	r.deploy("echo", "")
	w := r.witness("echo", 4)
	for range 4 {
		enough := w.seen() + 20 + rng.IntN(500)
		r.until("requests are answered", func() bool { return w.seen() >= enough })
		worker := r.worker()
		r.signal(worker, syscall.SIGKILL)
		r.until("another daemon answers", func() bool { return r.well() && r.worker() != worker })
	}
	seen := w.stop()
	var running records.Ledger
	r.until("lost requests are accounted for", func() bool {
		stats, err := r.client.RecordStats(t.Context())
		running = stats.Ledger
		// A run that is missing had 20 answers and more; the kills cut 16 requests at most.
		return err == nil && running.InFlight == 0 && running.Accepted >= int64(len(seen))
	})
	r.stop()
	l, ends := r.pastLedger("echo"), r.ends()
	if running.Accepted != l.Accepted || running.Accepted != running.Recorded+running.Dropped[intents.Crash] {
		t.Errorf("the ledger that was shown does not add up: %+v, in the end %+v", running, l)
	}
	var lost int64
	for _, end := range ends {
		if end == records.EndLost {
			lost++
		}
	}
	t.Logf("%d answers seen, %d records, %d lost; %+v", len(seen), len(ends), lost, l)
	missing := 0
	for _, id := range seen {
		if _, ok := ends[id]; !ok {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d answers that were seen are neither recorded nor listed as lost", missing, len(seen))
	}
	if l.Accepted != l.Recorded+l.Dropped[intents.Crash] || l.InFlight != 0 || l.Unlisted != 0 {
		t.Errorf("the ledger does not add up: %+v", l)
	}
	if l.Recorded != int64(len(ends))-lost || l.Dropped[intents.Crash] != lost {
		t.Errorf("the ledger tells of %d recorded and %d lost, the store of %d and %d", l.Recorded, l.Dropped[intents.Crash], int64(len(ends))-lost, lost)
	}
}

// TestHandoverLosesNoRequest: neither daemon takes the other's requests for lost while both run.
func TestHandoverLosesNoRequest(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	w := r.witness("echo", 3)
	for range 3 {
		enough := w.seen() + 50
		r.until("requests are answered", func() bool { return w.seen() >= enough })
		r.must("upgrade")
	}
	seen := w.stop()
	r.until("the old daemons have ended", func() bool { return len(r.running("--worker")) == 1 })
	r.stop()
	ends := r.ends()
	for _, id := range seen {
		if end := ends[id]; end != records.EndComplete {
			t.Errorf("record %s of a request that was answered ends with %q", id, end)
		}
	}
	if l := r.pastLedger("echo"); l.Accepted != l.Recorded || l.Accepted < int64(len(seen)) || l.InFlight != 0 {
		t.Errorf("%+v for %d answers", l, len(seen))
	}
}

// TestAuditUnderKills: with mode audit, each answer that was seen has its whole record, however often the daemon is killed
// between a commit and its answer.
func TestAuditUnderKills(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "", "record: {mode: audit}")
	w := r.witness("echo", 4)
	for n := range 5 {
		enough := w.seen() + 20 + 13*n
		r.until("requests are answered", func() bool { return w.seen() >= enough })
		worker := r.worker()
		r.signal(worker, syscall.SIGKILL)
		r.until("another daemon answers", func() bool { return r.well() && r.worker() != worker })
	}
	seen := w.stop()
	r.stop()
	ends := r.ends()
	for _, id := range seen {
		if end := ends[id]; end != records.EndComplete {
			t.Errorf("record %q of an answer that was seen ends with %q", id, end)
		}
	}
	l := r.pastLedger("echo")
	t.Logf("%d answers seen, %d records; %+v", len(seen), len(ends), l)
	if l.Accepted != l.Recorded+l.Dropped[intents.Crash] || l.InFlight != 0 {
		t.Errorf("the ledger does not add up: %+v", l)
	}
}

// TestKilledWithAFullDisk: a daemon that starts without room for its list of requests serves all the same, says what it could not list,
// and accounts for everything once there is room.
func TestKilledWithAFullDisk(t *testing.T) {
	t.Parallel()
	r := mountRig(t, "records", "6m")
	r.deploy("echo", "")
	r.predict("echo")
	giveBack := r.fill("records")
	worker := r.worker()
	r.signal(worker, syscall.SIGKILL)
	r.until("another daemon answers", func() bool { return r.well() && r.worker() != worker })
	for range 5 {
		r.predict("echo")
	}
	giveBack()
	asked := int64(1 + 5)
	r.until("everything is accounted for again", func() bool {
		r.predict("echo")
		asked++
		accepted, recorded, inFlight, dropped := r.ledger()
		return inFlight == 0 && accepted == asked && accepted == recorded+dropped["disk"]+dropped[intents.Crash]
	})
	stats, err := r.client.RecordStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l := stats.Ledger; l.Unlisted == 0 {
		t.Errorf("%+v", l)
	}
	r.stop()
}
