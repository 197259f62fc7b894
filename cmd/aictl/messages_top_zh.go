package main

// topZH is what `aictl top` says.
func topZH() map[string]string {
	return map[string]string{
		"Watch services live, and act on them": "实时查看服务，并操作它们",
		"Watch services live: state, CPU, memory, requests and errors per second, restarts, and the last log lines of the\nselected one. It needs a terminal; for programs there are status, events and logs with -o json.\n\nKeys: up and down select, r restarts, s stops or starts, l shows the log alone and back, q quits.": "实时查看服务：状态、CPU、内存、每秒请求与错误、重启次数，以及所选服务的最后几行日志。\n需要终端；程序请用带 -o json 的 status、events 和 logs。\n\n按键：上下键选择，r 重启，s 停止或启动，l 只看日志或返回，q 退出。",
		"All services, or some":   "全部服务，或其中一些",
		"top needs a terminal":    "top 需要终端",
		"use `%s` instead":        "请改用 `%s`",
		"log of %s":               "%s 的日志",
		"%d services, %d running": "%d 个服务，%d 个在运行",
		"REQ/S":                   "请求/秒", "ERR/S": "错误/秒",
		"↑↓ select  r restart  s stop/start  l log  q quit": "↑↓ 选择  r 重启  s 停止/启动  l 日志  q 退出",
	}
}
