package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/replay"
)

// sendFlags are the flags that say how recorded requests are sent again.
type sendFlags struct {
	options  api.SendOptions
	timeout  time.Duration
	headers  []string
	readOnly bool
}

// readOnlyMethods are those that by HTTP's rules change nothing.
var readOnlyMethods = []string{"GET", "HEAD", "OPTIONS"}

func (a *app) sendFlags(cmd *cobra.Command, speed string) *sendFlags {
	f := &sendFlags{}
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.Speed, "speed", speed, a.t("1x is the original pace, 2x twice that, 100/s a fixed rate, max as fast as answers come"))
	flags.BoolVar(&o.Sessions, "sessions", false, a.t("a session's next request waits for the answer to the one before; sessions run in parallel"))
	flags.IntVar(&o.Concurrency, "concurrency", 0, a.t("requests in flight at a time (default: 64, for a comparison 4)"))
	flags.DurationVar(&f.timeout, "timeout", time.Minute, a.t("how long to wait for one answer"))
	flags.IntVarP(&o.Limit, "limit", "n", 0, a.t("only the newest so many that can be sent (default: all)"))
	flags.StringArrayVarP(&f.headers, "header", "H", nil, a.t("set on every request, as `'NAME: VALUE'`, such as credentials that were masked; may be repeated"))
	flags.BoolVar(&f.readOnly, "read-only", false, a.t("only GET, HEAD and OPTIONS"))
	flags.BoolVar(&o.Force, "force", false, a.t("also to what serves live requests"))
	return f
}

// read returns what the flags say. An error is one of usage.
func (f *sendFlags) read(a *app) (api.SendOptions, error) {
	o := f.options
	if _, err := replay.ParsePace(o.Speed); err != nil {
		return o, a.errorf("--speed %q is not understood: use 1x (the original pace), 2x, 0.5x, 100/s, or max", o.Speed)
	}
	if f.timeout <= 0 {
		return o, a.errorf("--timeout %s is not positive", f.timeout)
	}
	if o.Concurrency < 0 || o.Limit < 0 {
		return o, a.errorf("--concurrency and --limit must not be negative")
	}
	o.Timeout = f.timeout.String()
	if f.readOnly {
		o.Methods = readOnlyMethods
	}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return o, a.errorf("--header %q is not NAME: VALUE", h)
		}
		if o.Header == nil {
			o.Header = map[string]string{}
		}
		o.Header[name] = strings.TrimSpace(value)
	}
	return o, nil
}

// compareFlags are the flags that say what counts as a difference.
type compareFlags struct {
	options    api.CompareOptions
	tolerances []string
}

func (a *app) compareFlags(cmd *cobra.Command) *compareFlags {
	f := &compareFlags{}
	flags, o := cmd.Flags(), &f.options
	flags.StringArrayVar(&o.Ignore, "ignore", nil, a.t("path that does not count, with all below it: $.meta, $.items[*].id, header.NAME, status; may be repeated"))
	flags.StringArrayVar(&o.Unordered, "unordered", nil, a.t("list whose order does not count, such as $.items; may be repeated"))
	flags.StringArrayVar(&f.tolerances, "tolerance", nil, a.t("how far numbers may be apart, relative above 1: 0.001, or for one path $.score=0.01; may be repeated"))
	flags.StringArrayVar(&o.CompareHeaders, "compare-header", nil, a.t("header that is compared (default: Content-Type); may be repeated"))
	return f
}

func (f *compareFlags) read(a *app) (api.CompareOptions, error) {
	o := f.options
	for _, text := range f.tolerances {
		path, number := "", text
		if at := strings.LastIndex(text, "="); at >= 0 {
			path, number = text[:at], text[at+1:]
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !(n >= 0) || path != "" && !strings.HasPrefix(path, "$") {
			return o, a.errorf("--tolerance %q is neither a number nor PATH=NUMBER", text)
		}
		if path == "" {
			o.Tolerance = n
			continue
		}
		if o.PathTolerance == nil {
			o.PathTolerance = map[string]float64{}
		}
		o.PathTolerance[path] = n
	}
	return o, nil
}

// readShare reads "0.5%" or "0.005", up to most.
func (a *app) readShare(flag, text string, most float64) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= most) {
		return 0, a.errorf("--%s %q is not a share: use 0.5%% or 0.005", flag, text)
	}
	return n, nil
}

// job shows how far a replay or a comparison is, on one line of a terminal.
type job struct {
	a     *app
	drawn bool
	last  replay.Progress
}

func (j *job) tell(p replay.Progress) {
	j.last = p
	if !j.a.err.tty {
		return
	}
	j.drawn = true
	fmt.Fprintf(j.a.err, "\r%s\x1b[K", clip(printable(j.line()), max(j.a.err.width-1, 10)))
}

func (j *job) line() string {
	a, p := j.a, j.last
	switch p.Phase {
	case replay.PhaseReading:
		return a.t("reading records: %d, of them %d to send", p.Read, p.Expected)
	case replay.PhaseStarting:
		return a.t("starting: %s", p.Detail)
	case replay.PhaseComparing:
		return a.t("comparing %d answers", p.Sent)
	}
	line := a.t("sent %d of %d", p.Sent, p.Expected)
	if p.Failed > 0 {
		line += ", " + a.t("%d not answered", p.Failed)
	}
	return line
}

// end leaves a clean line; a job that was cut short says how far it came.
func (j *job) end(err error) {
	if j.drawn {
		fmt.Fprint(j.a.err, "\r\x1b[K")
	}
	if err != nil && j.last.Sent > 0 {
		j.a.say("%s", j.line())
	}
}

// refusedReasons says in words why records were not sent.
func (a *app) refusedReasons(refused map[string]int) string {
	words := map[string]string{
		replay.RefusedLost: a.t("lost"), replay.RefusedTruncated: a.t("truncated"), replay.RefusedOmitted: a.t("without a body"),
		replay.RefusedErased: a.t("erased"), replay.RefusedRedacted: a.t("masked"), replay.RefusedBroken: a.t("incomplete"),
		replay.RefusedWebSocket: a.t("WebSockets"), replay.RefusedGRPC: a.t("gRPC"), replay.RefusedCopy: a.t("copies (replays, shadows)"),
		replay.RefusedMethod: a.t("other methods"), replay.RefusedMalformed: a.t("malformed"), replay.RefusedNoAnswer: a.t("without an answer to compare with"),
	}
	return counts(refused, func(name string) string { return words[name] })
}

// counts lists numbers by name, the greatest first.
func counts(m map[string]int, word func(string) string) string {
	names := slices.SortedFunc(maps.Keys(m), func(x, y string) int {
		if m[x] != m[y] {
			return m[y] - m[x]
		}
		return strings.Compare(x, y)
	})
	var out []string
	for _, name := range names {
		shown := name
		if word != nil && word(name) != "" {
			shown = word(name)
		}
		out = append(out, fmt.Sprintf("%s %d", shown, m[name]))
	}
	return strings.Join(out, ", ")
}
