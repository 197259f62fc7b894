package main

// eventsZH is what `aictl events` says.
func eventsZH() map[string]string {
	return map[string]string{
		"Show what has happened to services": "查看服务发生过什么",
		"Show what has happened to services, their instances and their deploys: starts, exits, verdicts, steps.\nThe daemon keeps the last 1000 events of its run.\n\nWith -f new events are shown as they come, until Ctrl-C. -o json gives one JSON object per line.": "查看服务、实例和部署发生过什么：启动、退出、健康判定、步骤。\n守护进程保留本次运行的最后 1000 个事件。\n\n用 -f 持续显示新事件，直到 Ctrl-C。-o json 每行一个 JSON 对象。",
		"What happened to one service, and what follows": "某个服务发生过什么，以及之后的一切",
		"For a program":                "供程序读取",
		"show new events as they come": "持续显示新事件",
		"of services that a `PATTERN` matches; may be repeated": "与 `PATTERN` 匹配的服务；可重复",
		"exited": "已退出", "deploy": "部署", "step": "步骤", "events lost": "有事件丢失",
	}
}
