package main

// findingZH is what the commands that search, count and label records say.
func findingZH() map[string]string {
	return map[string]string{
		"Ask the records in SQL": "用 SQL 查询记录",
		`Run one SELECT over the views records and labels. Nothing can be written. QUERY is - for the standard input.

records has: id, started_at, day, hour, service, release, instance, method, path, model, user, source, end, status, duration_ms,
first_byte_ms, request_bytes, response_bytes, cached, session, trace_id, query, remote, error, tags (JSON), request_body, response_body.
labels has: id, name, truth (JSON), thumb, note, by, at.`: `对视图 records 和 labels 执行一条 SELECT，不能写入。QUERY 为 - 时从标准输入读取。

records 的列：id、started_at、day、hour、service、release、instance、method、path、model、user、source、end、status、duration_ms、
first_byte_ms、request_bytes、response_bytes、cached、session、trace_id、query、remote、error、tags（JSON）、request_body、response_body。
labels 的列：id、name、truth（JSON）、thumb、note、by、at。`,
		"Answers by what they say":                         "按应答内容统计",
		"How often the model was right":                    "模型答对的比例",
		"--timeout %s: use 1s to 300s":                     "--timeout %s：请用 1s 到 300s",
		"how long it may take, at most 300s":               "最多可用的时间，不超过 300s",
		"write CSV":                                        "输出 CSV",
		"there are more rows: add a LIMIT, or give --rows": "还有更多行：请加 LIMIT，或用 --rows",
		"with a label: any, none, truth, truth=JSON, thumb=up, thumb=down, note, by=WHO, a NAME, or NAME: before one of them; may be repeated": "带有标注：any、none、truth、truth=JSON、thumb=up、thumb=down、note、by=WHO、某个 NAME，或在其前加 NAME:；可重复",
		"with a condition `EXPR` on the JSON of the bodies, such as '$.result.score < 0.6'; request.$ is the request's":                        "正文 JSON 满足条件 `EXPR` 的，例如 '$.result.score < 0.6'；request.$ 指请求正文",
		"What the model said, and was unsure of":       "模型给出了答案但没有把握的",
		"looked into %d records, back to %s; found %d": "已查看 %d 条记录，回溯到 %s；找到 %d 条",
		"Say what is right or wrong with records":      "标注记录的对错",
		`Label records: with the answer that would have been right (any JSON), a thumb up or down, a note. Records are named by their ids, or
selected by the filters of records list. What is not given stays as it is; an empty value takes it away.

A record may have several labels, by name; every change is kept with who made it and when. Labels go with their records.`: `标注记录：正确答案（任意 JSON）、赞或踩、备注。记录可用 id 指定，也可用 records list 的过滤条件选取。
未给出的部分保持不变；给出空值则清除。

一条记录可有多个按名称区分的标注；每次改动都会保留由谁、何时所做。标注随记录一起删除。`,
		"One answer was wrong":                            "某个回答是错的",
		"All that failed, for a second look":              "标出所有失败的记录，待复查",
		"Find them again":                                 "再找出它们",
		"give record ids, or filters that select records": "请给出记录 id，或用过滤条件选取记录",
		"--remove takes record ids":                       "--remove 需要记录 id",
		"the label's name":                                "标注的名称",
		"the answer that would have been right, as JSON":  "正确答案，JSON 格式",
		"up or down":                                      "up（赞）或 down（踩）",
		"a note":                                          "备注",
		"who says so; else you":                           "标注人；默认是您自己",
		"take the label away":                             "删除标注",
		"--truth %q is not JSON: a string needs quotes of its own, as in --truth '\"spam\"'":  "--truth %q 不是 JSON：字符串本身也需要引号，例如 --truth '\"spam\"'",
		"--thumb %q is neither up nor down":                                                   "--thumb %q 既不是 up 也不是 down",
		"say something with --truth, --thumb or --note, or take the label away with --remove": "请用 --truth、--thumb 或 --note 说明，或用 --remove 删除标注",
		"labelled %d records": "已标注 %d 条记录",
		"truth %s":            "正确答案 %s",
		"thumb %s":            "评价 %s",
		"by %s, %s":           "%s，%s",
		"source":              "来源", "model": "模型", "user": "用户", "tag": "标签", "label": "标注",
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
