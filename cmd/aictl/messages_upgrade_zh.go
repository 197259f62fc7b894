package main

// upgradeZH is what `aictl upgrade` says.
func upgradeZH() map[string]string {
	return map[string]string{
		"Replace the running server by another version, without a pause": "把正在运行的服务器换成另一个版本，不中断服务",
		"Replace the running keeper and daemon by the program BINARY; without it, by what lies now where the server was\nstarted from. No service is restarted and no request is dropped: the new daemon takes over when it is up, the old one\nanswers what it has begun. A program that does not come up changes nothing; the old one goes on.\n\nIt works on the server's own machine. systemctl reload aictl, or SIGHUP to the server, does the same without BINARY.": "把正在运行的守护者和守护进程换成程序 BINARY；不指定时，换成服务器启动路径上现在的程序。\n不重启任何服务，不丢任何请求：新守护进程就绪后接手，旧的答完已开始的请求。起不来的程序不改变任何东西，旧程序继续运行。\n\n只能在服务器本机使用。systemctl reload aictl 或向服务器发送 SIGHUP 等同于不带 BINARY 的升级。",
		"After installing a new version":                                    "安装新版本之后",
		"To a program that lies elsewhere":                                  "换成其他位置的程序",
		"--timeout %s is not between 0 and 1h":                              "--timeout %s 不在 0 到 1h 之间",
		"upgrade works on the server's own machine, not with --server":      "upgrade 只能在服务器本机使用，不能与 --server 同用",
		"how long the new program may take for each step":                   "新程序每一步最多用多久",
		"handing over from %s to %s (%s)":                                   "正在从 %s 交接到 %s（%s）",
		"start it with `aictl daemon`, or name its --data-dir":              "用 `aictl daemon` 启动它，或用 --data-dir 指明它的数据目录",
		"%s; the old one goes on":                                           "%s；旧程序继续运行",
		"the server's own log tells more":                                   "详情见服务器自己的日志",
		"now running %s (was %s)":                                           "现在运行 %s（之前是 %s）",
		"print what this program is to a keeper that may be upgraded to it": "向可能升级到本程序的守护者说明本程序是什么",
	}
}
