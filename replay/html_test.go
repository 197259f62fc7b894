package replay

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"aictl/replay/compare"
)

func sampleReport() Report {
	return Report{
		Run: "run7", Baseline: "ocr@r1", Candidate: "ocr@r2", StartedAt: time.Unix(0, 0), Refused: map[string]int{"redacted": 3}, Failures: map[string]int{"timeout": 1},
		Result: compare.Outcome{
			Compared: 200, Differ: 10, Rate: 0.05, Unordered: []string{"$.items"}, Dynamic: []string{"$.by_id"},
			Fields:  []compare.Field{{Path: `$["<b>"]`, Kind: compare.KindValue, Differs: 10, Examples: []compare.Example{{Record: "0193", Base: `"<script>alert(1)</script>"`, Candidate: ""}}}},
			Noise:   []compare.Field{{Path: "$.at", Kind: compare.KindValue, Differs: 200, Noisy: 200}, {Path: "$.score", Tolerance: 0.002}, {Path: "$.x", Unconfirmed: true}},
			Latency: &compare.Latency{Samples: 200, P50: compare.Interval{Estimate: 1.5, Low: 1.4, High: 1.6}},
		},
	}
}

func TestPageStandsAloneAndEscapes(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		var b bytes.Buffer
		if err := WriteHTML(&b, sampleReport(), lang); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if strings.Contains(page, "<script") || strings.Contains(page, "<b>") || regexp.MustCompile(`(?i)\b(src|href)=|url\(|@import|http:`).MatchString(page) {
			t.Errorf("%s: the page runs or loads something:\n%s", lang, page)
		}
		for _, want := range []string{"ocr@r1", "ocr@r2", "10 (5.0%)", "5.00%", "&lt;script&gt;", "0193", "×1.50 (1.40–1.60)", "±0.002", "$.items", "$.by_id", "redacted 3", "timeout 1"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
	}
	var empty bytes.Buffer
	if err := WriteHTML(&empty, Report{Same: true}, "zh"); err != nil || !strings.Contains(empty.String(), "一致") {
		t.Errorf("an empty report: %v", err)
	}
}

// TestPageIsWhollyTranslated: every word that the page translates has its Chinese.
func TestPageIsWhollyTranslated(t *testing.T) {
	for _, m := range regexp.MustCompile(`\{\{t "([^"]+)"\}\}`).FindAllStringSubmatch(pageText, -1) {
		if pageZH[m[1]] == "" {
			t.Errorf("%q has no Chinese", m[1])
		}
	}
	for _, kind := range []compare.Kind{compare.KindValue, compare.KindType, compare.KindMissing, compare.KindNew, compare.KindLength} {
		if pageZH[string(kind)] == "" {
			t.Errorf("kind %s has no Chinese", kind)
		}
	}
}
