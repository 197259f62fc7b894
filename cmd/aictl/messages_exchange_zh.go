package main

// exchangeZH is what is said of sessions, exports and imports.
func exchangeZH() map[string]string {
	return map[string]string{
		"Write records to a file: JSON lines, CSV, Parquet or HAR": "把记录写入文件：JSON Lines、CSV、Parquet 或 HAR",
		`Write records with headers and bodies to a file or to the standard output, oldest first. The flags that select records are
those of records list.

JSON lines hold everything, and records import reads them. The file gets its name only when it is whole.`: `把记录连同头部和正文写入文件或标准输出，最早的在前。选择记录的参数与 records list 相同。

JSON Lines 保存全部内容，records import 可以读回。文件写完整之后才会得到它的名字。`,
		"A week as Parquet":              "一周的记录，存为 Parquet",
		"Some columns for a spreadsheet": "给电子表格用的几列",
		"Everything, to another machine": "全部，送到另一台机器",
		"jsonl, csv, parquet or har; without it by the file's name, else jsonl":    "jsonl、csv、parquet 或 har；不给时按文件名判断，否则为 jsonl",
		"the `FILE` to write; - is the standard output":                            "要写入的 `FILE`；- 表示标准输出",
		"none, text (base64 where a body is not UTF-8), or base64":                 "none、text（正文不是 UTF-8 时用 base64）或 base64",
		"the columns of CSV and Parquet, separated by commas":                      "CSV 和 Parquet 的列，用逗号分隔",
		"CSV: no apostrophe before texts that a spreadsheet would run as formulas": "CSV：不在电子表格会当作公式执行的文本前加撇号",
		"gzip or zstd; without it by the file's name":                              "gzip 或 zstd；不给时按文件名判断",
		"newest first":                            "最新的在前",
		"at most so many; 0 is all":               "最多这么多条；0 表示全部",
		"-n %d: use a number from 0 up; 0 is all": "-n %d：请用不小于 0 的数；0 表示全部",
		"that is not for a terminal: name a file with -O FILE, or send the output elsewhere": "这不适合显示在终端上：请用 -O FILE 指定文件，或把输出送到别处",
		"exporting":                           "正在导出",
		"the standard output":                 "标准输出",
		"%d records, %s, in %s to %s":         "%d 条记录，%s，用时 %s，写入 %s",
		"%d records, %d/s":                    "%d 条记录，%d 条/秒",
		"Read records from JSON lines or HAR": "从 JSON Lines 或 HAR 读入记录",
		`Read records from a file that records export wrote, or from a HAR file of a browser or a proxy; gzip and zstd are recognized.
A record that is there already is passed over, so that a file can be read again. Faults are told with their line, and the rest
is taken. HAR files of browsers need --service.

Records keep their times: those that are older than the retention are removed at the next clean-up.`: `读入 records export 写出的文件，或浏览器、代理的 HAR 文件；能识别 gzip 和 zstd。
已有的记录会跳过，所以同一个文件可以再读一次。有错误的会指出行号，其余照常读入。浏览器的 HAR 文件需要 --service。

记录保留原来的时间：超过保留期的会在下次清理时删除。`,
		"What a browser has recorded":                                   "浏览器记录的内容",
		"See first what would happen":                                   "先看看会发生什么",
		"--format %s: use jsonl or har":                                 "--format %s：请用 jsonl 或 har",
		"the service of every record, instead of the one that it names": "所有记录的服务名，代替记录里写的",
		"jsonl or har; without it by the file's beginning":              "jsonl 或 har；不给时按文件开头判断",
		"check everything and store nothing":                            "只检查，不保存",
		"importing":                                                     "正在导入",
		"line %d: %s":                                                   "第 %d 行：%s",
		"entry %d: %s":                                                  "第 %d 项：%s",
		"… and %d more faults":                                          "…… 还有 %d 个错误",
		"%d stored, %d were there already, %d rejected, in %s":          "保存 %d 条，已有 %d 条，拒绝 %d 条，用时 %s",
		"%d would be stored, %d are there already, %d would be rejected; nothing was changed": "将保存 %d 条，已有 %d 条，将拒绝 %d 条；没有做任何改动",
		"List sessions, the latest first": "列出会话，最近的在前",
		`List the sessions of the records that the flags select, with how many there are, from when to when, of which services and
users, and how many failed. The flags are those of records list.`: `列出所选记录的会话：有多少条、从何时到何时、属于哪些服务和用户、失败了多少。参数与 records list 相同。`,
		"Today's sessions of one user": "一个用户今天的会话",
		"One of them, as it goes on":   "跟随其中一个会话",
		"no sessions match":            "没有符合条件的会话",
		"SERVICES":                     "服务",
		"USERS":                        "用户",
		"MODELS":                       "模型",
		"FIRST":                        "最早",
		"LAST":                         "最近",
		"ERRORS":                       "错误",
		"Show the records of one session in order": "按顺序显示一个会话的记录",
		`Show the records of one session in the order they began, with the beginning of their bodies. With -f new ones are shown as they
come, until Ctrl-C. -o json gives one JSON object per line, with whole bodies up to --body-bytes.`: `按开始的先后显示一个会话的记录，以及正文的开头。加 -f 会持续显示新的记录，直到按 Ctrl-C。
-o json 每行输出一个 JSON 对象，正文最多 --body-bytes 字节。`,
		"--body-bytes %d: use 0 to %d":                   "--body-bytes %d：请用 0 到 %d",
		"show new records as they come":                  "持续显示新的记录",
		"of each body at most so many bytes":             "每个正文最多这么多字节",
		"there are no records of session %s":             "没有会话 %s 的记录",
		"`aictl records sessions` lists those there are": "`aictl records sessions` 列出已有的会话",
		"%s, not kept": "%s，未保留",
		"%s of bytes":  "%s 二进制数据",
	}
}
