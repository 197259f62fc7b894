package main

// findingZH is what the commands that search, count and label records say.
func findingZH() map[string]string {
	return map[string]string{
		"Show how much is recorded, how fast and how well, and whether anything was lost": "查看记录了多少、多快、多好，以及是否有丢失",
		`Show what is kept on disk by day, or with --by in groups: how many records, errors (no answer, or 400 and above), how long
answers took, and how much passed. Every filter of records list narrows it.

Without a filter the recorder's ledger of all runs is shown, too: every exchange that was accepted is recorded, in flight,
or dropped for a reason that is counted.`: `按天查看磁盘上保留的记录；用 --by 则分组显示：记录数、错误数（无应答，或 400 及以上）、应答耗时和流量。
records list 的所有过滤条件都可用。

不带过滤条件时还会显示记录器历次运行的账目：每个被接收的请求要么已记录，要么在途，要么因某个计数的原因被丢弃。`,
		"Which release is slower":                                    "哪个版本更慢",
		"--by %q is not known: use %s":                               "不认识 --by %q：请用 %s",
		"in groups, by one of: %s":                                   "分组，按其中之一：%s",
		"%d errors; answers took p50 %s, p95 %s, p99 %s, at most %s": "%d 个错误；应答耗时 p50 %s，p95 %s，p99 %s，最长 %s",
		"GROUP": "分组", "MAX": "最长",
		"a status (500), a class (5xx), error (no answer, or 400 and above), or none (no answer)": "状态码（500）、一类（5xx）、error（无应答，或 400 及以上）或 none（无应答）",
		"of one user":           "某个用户的",
		"answered by one model": "由某个模型应答的",
		"with a tag, as `KEY=VALUE`, or KEY for any value; may be repeated": "带有标签 `KEY=VALUE`，只写 KEY 表示任意值；可重复",
		"made by: gateway, ingest, import, shadow, replay; may be repeated": "来源：gateway、ingest、import、shadow、replay；可重复",
		"that took at most so long":                                         "耗时不超过该值的",
		"with a body of this SHA-256, on either side":                       "任一方正文的 SHA-256 为该值的",
	}
}
