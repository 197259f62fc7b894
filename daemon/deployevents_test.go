package daemon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"aictl/deploy"
	"aictl/services"
	"aictl/store"
)

func TestDeployNews(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	row := store.Deploy{ID: 7, Service: "ocr", Kind: "deploy", FailedStep: "health"}
	var told []string
	lost := 0
	n := &deployNews{
		news: make(chan deploy.Event, 5),
		lookup: func(_ context.Context, id int64) (store.Deploy, error) {
			if id != row.ID {
				return store.Deploy{}, errors.New("no such deploy")
			}
			return row, nil
		},
		tell: func(ev services.Event) {
			told = append(told, fmt.Sprint(ev.Kind, " ", ev.Service, " ", ev.Fields["deploy"], " ", ev.Fields["step"], " ", ev.Fields["state"], " ", ev.Reason))
		},
		lost: func(deploy.Event) { lost++ },
	}
	for _, ev := range []deploy.Event{
		{Deploy: 7, State: "running", At: at},
		{Deploy: 7, Step: "fetch", State: "running", At: at},
		{Deploy: 7, Step: "fetch", State: "running", Detail: "10 of 20 objects", At: at}, // progress is not told
		{Deploy: 7, Step: "fetch", State: "done", Detail: "20 objects", At: at},
		{Deploy: 8, State: "queued", At: at}, // its row cannot be read
		{Deploy: 7, State: "failed", Detail: "not healthy", At: at},
		{Deploy: 7, State: "one too many", At: at},
	} {
		n.notify(ev)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.run(ctx); err != nil { // what waits is told even when it ends
		t.Fatal(err)
	}
	want := "[deploy.running ocr 7 health   deploy.step ocr 7 fetch running  deploy.step ocr 7 fetch done 20 objects deploy.failed ocr 7 health  not healthy]"
	if got := fmt.Sprint(told); got != want || lost != 2 {
		t.Errorf("told\n%s\nwant\n%s\n%d lost", got, want, lost)
	}
}
