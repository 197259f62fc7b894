// Package schedule says when something that runs by the clock runs next: crontab lines and intervals, in a time zone.
package schedule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a time zone database

	"github.com/robfig/cron/v3"
)

// shortest is the shortest interval of @every.
const shortest = time.Second

// Schedule is when something runs. The zero value never does.
type Schedule struct {
	spec   *cron.SpecSchedule
	every  time.Duration // of @every
	phase  time.Duration // of @every: how far into each interval
	zone   *time.Location
	hourly bool // it runs in every hour of a day
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads a crontab's five fields (with names as in MON or JAN), @hourly, @daily, @weekly, @monthly, @yearly, or
// @every with a duration. zone is a name as in Europe/Berlin; "" is the machine's own. key spreads schedules with the
// same interval: they run at the same distance, but not at the same moment.
func Parse(text, zone, key string) (Schedule, error) {
	var s Schedule
	text = strings.TrimSpace(text)
	if text == "" {
		return s, errors.New("is empty: write five fields as in \"*/5 * * * *\", @daily or @every 10m")
	}
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return s, errors.New("holds a time zone: write it under timezone")
	}
	var err error
	if s.zone, err = Zone(zone); err != nil {
		return s, err
	}
	if rest, ok := strings.CutPrefix(text, "@every "); ok {
		return s.interval(rest, key)
	}
	parsed, err := parser.Parse(text)
	if err != nil {
		return Schedule{}, explain(text, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, fmt.Errorf("%q is not understood: write five fields as in \"*/5 * * * *\", @daily or @every 10m", text)
	}
	spec.Location = time.UTC // it is asked about wall clocks
	s.spec, s.hourly = spec, spec.Hour&allHours == allHours
	if spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never comes: there is no such day", text)
	}
	return s, nil
}

// allHours are the bits of a schedule that runs in every hour.
const allHours = 1<<24 - 1

// Zone is the time zone of that name; "" is the machine's own.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone (write Asia/Shanghai, Europe/Berlin, UTC)", name)
	}
	return zone, nil
}

func (s Schedule) interval(text, key string) (Schedule, error) {
	every, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is not a duration (write @every 10m, @every 1h30m)", text)
	}
	if every < shortest {
		return Schedule{}, fmt.Errorf("@every %s is too often: every %s at most", every, shortest)
	}
	s.every = every.Truncate(time.Second)
	h := fnv.New64a()
	h.Write([]byte(key))
	// Whole milliseconds: a time that was stored and read again is still one of the schedule's.
	s.phase = time.Duration(h.Sum64() % uint64(s.every)).Truncate(time.Millisecond)
	return s, nil
}

// explain says in a user's words what is wrong with the fields.
func explain(text string, err error) error {
	if strings.HasPrefix(text, "@") {
		return fmt.Errorf("%q is not one of @hourly, @daily, @weekly, @monthly, @yearly, @every DURATION", text)
	}
	if n := len(strings.Fields(text)); n != 5 {
		return fmt.Errorf("%q has %d fields, not five: minute, hour, day of the month, month, day of the week", text, n)
	}
	hint := ""
	if strings.Contains(err.Error(), "maximum (6)") {
		hint = " (Sunday is 0 or SUN)"
	}
	return fmt.Errorf("%q is not understood: %w%s", text, err, hint)
}

// Next is the first moment after the given one at which it runs; the zero time if there is none.
//
// A day may lack hours or have them twice when clocks are changed. A schedule that names hours runs once for each wall
// clock time it names: in an hour that comes twice the first time only, for one that is left out as soon as it is over.
// One that runs in every hour goes by the time that passes.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		return s.nextInterval(after)
	case s.spec == nil:
		return time.Time{}
	case s.hourly:
		return s.nextPassing(after)
	}
	wall := wallOf(after.In(s.zone))
	// A wall clock set back may bring times back that are over: the next that is not is at most a change away.
	for range 400 {
		if wall = s.spec.Next(wall); wall.IsZero() {
			break
		}
		if at := s.moment(wall); at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// nextInterval counts intervals from the epoch, so that it does not matter when the counting begins.
func (s Schedule) nextInterval(after time.Time) time.Time {
	since := after.Sub(time.Unix(0, 0)) - s.phase
	n := since / s.every
	if since >= 0 || since%s.every == 0 {
		n++
	}
	return time.Unix(0, 0).Add(n*s.every + s.phase).In(s.zone)
}

// nextPassing leaves it to the time zone which wall clock times there are.
func (s Schedule) nextPassing(after time.Time) time.Time {
	spec := *s.spec
	spec.Location = s.zone
	return spec.Next(after.In(s.zone))
}

// wallOf is what a clock on the wall shows, as a time in UTC.
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moment is when the clocks of the zone first show wall, or, when they leave it out, first show something later.
func (s Schedule) moment(wall time.Time) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
	begin, end := t.ZoneBounds()
	if !wallOf(t).Equal(wall) { // left out: t is taken from before or after the change
		if wallOf(t).After(wall) {
			return begin
		}
		return end
	}
	if begin.IsZero() {
		return t
	}
	// The same wall clock time may have come before the last change.
	_, now := t.Zone()
	_, before := begin.Add(-time.Second).Zone()
	if earlier := t.Add(time.Duration(now-before) * time.Second); earlier.Before(begin) && wallOf(earlier).Equal(wall) {
		return earlier
	}
	return t
}
