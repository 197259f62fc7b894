package main

// jobsZH is what is said about services that end.
func jobsZH() map[string]string {
	return map[string]string{
		"Run a oneshot or cron service now": "立即运行一次 oneshot 或 cron 服务",
		"Run a service of kind oneshot or cron now, also when it is stopped, and wait for its end. Its schedule does not change.\nThe exit code is 0 when it succeeded, 1 when it did not, and 7 when a run is under way already.": "立即运行一次 oneshot 或 cron 类型的服务（即使它已停止），并等待其结束。它的计划不变。\n成功时退出码为 0，未成功为 1，已有一次运行正在进行时为 7。",
		"Run a nightly job by day":                   "白天运行夜间任务",
		"Without waiting for its end":                "不等待它结束",
		"return when it has been started":            "启动后立即返回",
		"List the runs of a oneshot or cron service": "列出 oneshot 或 cron 服务的运行记录",
		"List the last runs of a service of kind oneshot or cron, newest first: why it ran, how long it took, how it ended.\nThe last 100 are kept.": "列出 oneshot 或 cron 类型服务最近的运行，最新的在前：为何运行、用时多久、如何结束。\n保留最近 100 次。",
		"The last five":                 "最近五次",
		"%s runs …":                     "%s 正在运行 …",
		"run %d goes on; `%s` lists it": "第 %d 次运行仍在继续；用 `%s` 查看",
		"run %d started":                "第 %d 次运行已启动",
		"run %d succeeded after %s":     "第 %d 次运行成功，用时 %s",
		"run %d %s after %s: %s":        "第 %d 次运行%s，用时 %s：%s",
		"see `%s`":                      "参见 `%s`",
		"%s has not run yet":            "%s 还没有运行过",
		"TRIGGER":                       "起因",
		"STARTED":                       "开始",
		"EXIT":                          "退出码",
		"ATTEMPTS":                      "尝试",
		"DUE":                           "计划时间",
		"last: %s %s, took %s":          "上次：%s（%s），用时 %s",
		"next in %s":                    "%s 后再次运行",
		"release %s of %s stays":        "版本 %s（%s）保持不变",
		"scheduled":                     "已排定",
		"succeeded":                     "成功",
		"unknown":                       "未知",
		"schedule":                      "计划",
		"user":                          "用户",
		"boot":                          "开机",
		"run":                           "运行",
	}
}
