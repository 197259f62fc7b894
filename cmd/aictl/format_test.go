package main

import (
	"strings"
	"testing"
	"time"
)

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 99 << 10: "99 KiB", 150 << 10: "150 KiB", 1<<20 - 1: "1 MiB", 5 << 30: "5 GiB", 1 << 62: "4096 PiB"} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Second:                        {"0s", "0ms"},
		400 * time.Microsecond:              {"0s", "0.4ms"},
		12 * time.Millisecond:               {"0s", "12ms"},
		1240 * time.Millisecond:             {"1s", "1.24s"},
		2 * time.Minute:                     {"2m", "2m"},
		3*time.Minute + 20*time.Second:      {"3m20s", "3m20s"},
		5*time.Hour + 12*time.Minute:        {"5h12m", "5h12m"},
		4*24*time.Hour + 3*time.Hour:        {"4d3h", "4d3h"},
		24*time.Hour - 500*time.Millisecond: {"23h59m", "23h59m"},
	} {
		if got := [2]string{shortDuration(d), latency(d)}; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	a := &app{lang: english}
	for d, want := range map[time.Duration]string{-time.Hour: "just now", 59 * time.Second: "59s ago", 90 * time.Second: "1m ago", 47 * time.Hour: "47h ago", 50 * time.Hour: "2d ago", 70 * 24 * time.Hour: "2026-09-12"} {
		if got := a.ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := a.ago(time.Time{}, now); got != "-" {
		t.Errorf("never: %q", got)
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]time.Time{
		"10m": now.Add(-10 * time.Minute), "1h30m": now.Add(-90 * time.Minute), "3d": now.AddDate(0, 0, -3), "-5s": now.Add(-5 * time.Second),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20 08:30":     time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC),
		"2026-11-20T08:30:01Z": time.Date(2026, 11, 20, 8, 30, 1, 0, time.UTC),
		"08:30":                time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "d", "-3d", "2026-13-01"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func FuzzParseSince(f *testing.F) {
	for _, seed := range []string{"10m", "3d", "2026-11-20 08:30", "99999999999d", "12:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := parseSince(text, now); err == nil && at.IsZero() {
			t.Errorf("%q is no time, and no error", text)
		}
	})
}

func TestTableCutsOnlyWhatGivesWay(t *testing.T) {
	tab := newTable(column{title: "ID"}, column{title: "NAME", flex: true}, column{title: "N", right: true})
	tab.row("1", "文字分类服务的很长的名字", "1")
	tab.row("22", "x\ttab\x1b[2J", "100")
	for width, want := range map[int]string{
		0:  "ID  NAME                        N\n1   文字分类服务的很长的名字    1\n22  x tab[2J                  100\n",
		24: "ID  NAME               N\n1   文字分类服务的…    1\n22  x tab[2J         100\n",
		3:  "ID  NAME        N\n1   文字分…     1\n22  x tab[2J  100\n",
	} {
		var b strings.Builder
		if err := tab.render(screen{Writer: &b, width: width}, false); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%s\nwant\n%s", width, err, b.String(), want)
		}
	}
}

func TestQuoteWord(t *testing.T) {
	for word, want := range map[string]string{"a/b@c": "a/b@c", "": "''", "it's": `'it'\''s'`, "$HOME": "'$HOME'", `{"a": 1}`: `'{"a": 1}'`} {
		if got := quoteWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestFrameRedrawsInPlace(t *testing.T) {
	var b strings.Builder
	f := frame{screen: screen{Writer: &b, tty: true}}
	for _, text := range []string{"one\ntwo\n", "three\n"} {
		if err := f.draw(text); err != nil {
			t.Fatal(err)
		}
	}
	if want := "one\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[2A\rthree\x1b[K\n\x1b[J"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	f = frame{screen: screen{Writer: &b}}
	for _, text := range []string{"same\n", "same\n", "other\n"} {
		if err := f.draw(text); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != "same\nother\n" {
		t.Errorf("elsewhere: %q", b.String())
	}
}
