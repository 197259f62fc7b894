package replay

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strings"

	"aictl/replay/compare"
)

//go:embed report.html.tmpl
var pageText string

// WriteHTML writes a report as a page that stands alone: no script, nothing loaded. lang is "en" or "zh".
func WriteHTML(w io.Writer, r Report, lang string) error {
	t := func(text string) string {
		if zh, ok := pageZH[text]; ok && lang == "zh" {
			return zh
		}
		return text
	}
	page, err := template.New("report").Funcs(template.FuncMap{
		"t": t, "percent": percent, "share": func(n int) string { return share(n, r.Result.Compared) },
		"ms": func(ms float64) string { return fmt.Sprintf("%.3g ms", ms) }, "times": times, "reasons": reasons,
		"how": func(f compare.Field) string {
			switch {
			case f.Unconfirmed:
				return t("once, not again")
			case f.Tolerance > 0:
				return fmt.Sprintf("±%.3g", f.Tolerance)
			}
			return t(string(f.Kind))
		},
		"join": func(list []string) string { return strings.Join(list, ", ") },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	return page.Execute(w, struct {
		Report
		Lang string
	}{r, map[string]string{"zh": "zh-CN"}[lang]})
}

func percent(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }

func share(n, of int) string {
	if of == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d (%.1f%%)", n, 100*float64(n)/float64(of))
}

func times(i compare.Interval) string {
	return fmt.Sprintf("×%.2f (%.2f–%.2f)", i.Estimate, i.Low, i.High)
}

// pageZH are the page's words in Chinese.
var pageZH = map[string]string{
	"Comparison":                        "对比报告",
	"the same":                          "一致",
	"it differs":                        "有差异",
	"slower":                            "变慢",
	"baseline":                          "基线",
	"candidate":                         "候选",
	"requests differ":                   "个请求有差异",
	"of":                                "/",
	"allowed":                           "允许",
	"run":                               "运行",
	"started":                           "开始时间",
	"not sent":                          "未发送",
	"not answered":                      "未应答",
	"no order":                          "不计顺序的列表",
	"names vary":                        "键名可变的对象",
	"Changed":                           "变化",
	"Nothing changed beyond the noise.": "除噪声外没有变化。",
	"Noise":                             "噪声",
	"What differs as much between two answers of one release, or was not seen again.": "同一版本的两次应答之间也同样会有的差异，或没有再次出现的差异。",
	"path":                 "路径",
	"how":                  "方式",
	"differs":              "差异",
	"noise":                "噪声",
	"record":               "记录",
	"Latency":              "延迟",
	"ratio, 95 % interval": "比值，95 % 区间",
	"requests":             "请求数",
	"value":                "值",
	"type":                 "类型",
	"missing":              "缺失",
	"new":                  "新增",
	"length":               "长度",
	"once, not again":      "仅一次，未重现",
	"without credentials":  "未带凭据",
}
