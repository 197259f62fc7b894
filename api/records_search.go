package api

import (
	"strconv"
	"strings"
	"time"

	"aictl/store/records"
	"aictl/store/records/match"
)

// selection is the archive's filter; it checks what the schema cannot. Limit, Cursor and order are the caller's.
func (in *RecordsInput) selection() (records.Filter, error) {
	f := records.Filter{
		Services: in.Service, Release: in.Release, Instance: in.Instance, Session: in.Session, TraceID: in.TraceID, User: in.User,
		Model: in.Model, Method: in.Method, End: records.End(in.End), Since: in.Since, Until: in.Until, BodyHash: strings.ToLower(in.BodyHash),
	}
	f.PathPrefix, f.PathGlob = splitGlob(in.Path)
	for _, name := range in.Source {
		source, ok := records.SourceNamed(name)
		if !ok {
			return f, invalid("query.source", "want gateway, ingest, import, shadow or replay")
		}
		f.Sources = append(f.Sources, source)
	}
	if !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until) {
		return f, invalid("query.until", "must be after since")
	}
	for _, step := range []func(*records.Filter) error{in.durations, in.tags, in.status, in.labels, in.where} {
		if err := step(&f); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (in *RecordsInput) durations(f *records.Filter) (err error) {
	if f.MinDuration, err = durationOf("query.min_duration", in.MinDuration); err == nil {
		f.MaxDuration, err = durationOf("query.max_duration", in.MaxDuration)
	}
	if err == nil && f.MaxDuration > 0 && f.MaxDuration < f.MinDuration {
		err = invalid("query.max_duration", "must not be less than min_duration")
	}
	return err
}

func durationOf(where, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, invalid(where, "want a duration such as 250ms or 2s")
	}
	return d, nil
}

func (in *RecordsInput) tags(f *records.Filter) error {
	for _, tag := range in.Tag {
		key, value, _ := strings.Cut(tag, "=")
		if key == "" {
			return invalid("query.tag", "want KEY=VALUE, or KEY for any value")
		}
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		f.Tags[key] = value
	}
	return nil
}

func (in *RecordsInput) labels(f *records.Filter) error {
	for _, text := range in.Label {
		l, err := records.ParseLabelFilter(text)
		if err != nil {
			return invalid("query.label", err.Error())
		}
		f.Labels = append(f.Labels, l)
	}
	return nil
}

func (in *RecordsInput) where(f *records.Filter) (err error) {
	if in.Where == "" {
		return nil
	}
	if f.Where, err = match.Parse(in.Where); err != nil {
		return invalid("query.where", err.Error())
	}
	return nil
}

func (in *RecordsInput) status(f *records.Filter) (err error) {
	switch in.Status {
	case "":
		return nil
	case "error":
		f.Failed = true
		return nil
	case "none":
		f.Unanswered = true
		return nil
	}
	f.StatusMin, f.StatusMax, err = statusRange(in.Status)
	return err
}

// statusRange reads "500" or "5xx".
func statusRange(text string) (lowest, highest int, err error) {
	digit, class := strings.CutSuffix(text, "xx")
	n, err := strconv.Atoi(digit)
	if err != nil {
		return 0, 0, invalid("query.status", "want a status (500), a class (5xx), error or none")
	}
	if class {
		return n * 100, n*100 + 99, nil
	}
	return n, n, nil
}

// splitGlob tells a glob that only ends in a star, which is a prefix, from others. A path without stars is a glob that only
// it matches.
func splitGlob(glob string) (prefix, pattern string) {
	at := strings.IndexAny(glob, "*?")
	if at >= 0 && glob[at:] == "*" {
		return glob[:at], ""
	}
	return "", glob
}
