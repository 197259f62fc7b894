package api

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
	"aictl/services"
)

// Events are the last things that happened; *services.Events is one.
type Events interface {
	// Read returns the kept events after the one with that number, how many of those are not kept any more, and a
	// channel that is closed when there is another one.
	Read(after uint64) (events []services.Event, lost uint64, more <-chan struct{})
	// Counts returns how many events there were.
	Counts() services.EventCounts
}

type eventsInput struct {
	Service []string  `query:"service,explode" maxItems:"1000" doc:"Name, glob or @group; may be given many times; none is all"`
	Since   time.Time `query:"since" doc:"Events from this time on (RFC 3339)"`
	Follow  bool      `query:"follow" doc:"Go on with new events"`
}

// events sends the kept events and, when asked to follow, the new ones. A reader that is too slow is told how many it
// has missed.
func (s *Server) events(ctx context.Context, in *eventsInput, send func(Event) error) error {
	wanted, err := s.eventFilter(ctx, in.Service)
	if err != nil {
		return err
	}
	var after uint64
	for {
		list, lost, more := s.deps.Events.Read(after)
		if lost > 0 && after > 0 {
			if err := send(lostEvents(lost, s.deps.Now())); err != nil {
				return err
			}
		}
		for _, ev := range list {
			after = ev.Seq
			if ev.Time.Before(in.Since) || !wanted(ev.Service) {
				continue
			}
			if err := send(renderEvent(ev)); err != nil {
				return err
			}
		}
		if !in.Follow {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// eventFilter tells which services' events are wanted. A name may be that of a service that is gone; a group is what
// it is now.
func (s *Server) eventFilter(ctx context.Context, patterns []string) (func(string) bool, error) {
	var globs []string
	for _, p := range patterns {
		if !strings.HasPrefix(p, "@") {
			if _, err := path.Match(p, ""); err != nil {
				return nil, invalid("query.service", fmt.Sprintf("%q is no pattern: %v", p, err))
			}
			globs = append(globs, p)
			continue
		}
		names, err := s.deps.Services.Resolve(ctx, []string{p})
		if err != nil {
			return nil, err
		}
		globs = append(globs, names...)
	}
	return func(service string) bool { return len(patterns) == 0 || configs.MatchesAny(globs, service) }, nil
}

func lostEvents(n uint64, at time.Time) Event {
	return Event{
		Kind: string(services.EventsLost), Time: at, Reason: "they came faster than they were read",
		Fields: map[string]string{"count": strconv.FormatUint(n, 10)},
	}
}

func renderEvent(ev services.Event) Event {
	return Event{
		Seq: ev.Seq, Time: ev.Time.UTC(), Kind: string(ev.Kind), Service: ev.Service, Instance: ev.Instance,
		Release: ev.Release, Reason: ev.Reason, Fields: ev.Fields,
	}
}
