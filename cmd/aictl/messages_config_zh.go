package main

// configZH is what `aictl config` and `aictl deploy --watch` say.
func configZH() map[string]string {
	return map[string]string{
		"deploy the directory again whenever a file changes, until Ctrl-C": "目录中的文件一有变化就重新部署，直到 Ctrl-C",
		"--watch needs a directory of this machine, not %s":                "--watch 需要本机的目录，而不是 %s",
		"watching has ended; the service goes on":                          "已停止监视；服务继续运行",
		"watching %s; Ctrl-C ends that, not the service":                   "正在监视 %s；Ctrl-C 只结束监视，不停止服务",
		"%d files": "%d 个文件",
		"as it is": "当前内容", "nothing serves yet": "还没有版本在服务",
		"release %s keeps serving": "发布 %s 继续服务",
		"release %s after %s":      "发布 %s，用时 %s",
		"%s: %s; %s":               "%s：%s；%s", "there is something newer; %s": "有更新的内容；%s",
		"Deploy at every change of a file": "文件一变就部署",

		"Show the server's settings, and what a change of them would do": "查看服务器的设置，以及修改设置会带来什么",
		"Show the server's settings, and what a change of them would do. Settings come from flags, AICTL_… variables\nand the settings file, in this order. The file is watched: a valid change holds at once where it can; one\nthat is not valid is refused as a whole, and the settings before it go on.": "查看服务器的设置，以及修改设置会带来什么。设置依次来自命令行参数、AICTL_… 变量和设置文件。\n设置文件会被监视：有效的修改能立即生效的立即生效；无效的修改整体被拒绝，之前的设置继续有效。",
		"Show all settings and where each comes from": "列出所有设置及其来源",
		"Show the settings that run, secrets masked, and where each comes from. -o wide adds the default, the variable and the meaning.": "列出正在生效的设置（机密已遮盖）及其来源。-o wide 还显示默认值、变量和含义。",
		"KEY": "键", "VALUE": "值", "A CHANGE NEEDS": "修改后需要", "DEFAULT": "默认值", "VARIABLE": "变量", "MEANING": "含义", "default": "默认",
		"Show one setting": "查看一项设置", "there is no setting %q": "没有设置 %q", "`%s` lists the settings": "`%s` 列出设置",
		"Show what a settings file would change, and what would be started anew": "查看设置文件会改变什么，以及哪些服务会重新启动",
		"Compare a settings file, or the server's own, with what runs: what each key would change, what the change needs\nto hold, and which services would be started anew for it. Nothing is changed. The exit code is that of\ndiff(1): 0 for no difference, 1 for some; 2 when the file is not valid.": "把一个设置文件（或服务器自己的文件）与正在生效的设置比较：每个键会怎样变化、生效需要什么、哪些服务会因此重新启动。\n不做任何修改。退出码与 diff(1) 相同：0 表示没有差别，1 表示有差别；文件无效时为 2。",
		"What in the server's file is not in force yet": "服务器的文件中还有什么没有生效",
		"Before a file is put in place":                 "在启用一个文件之前",
		"Check a settings file":                         "检查设置文件",
		"Check a settings file, or the server's own. Every fault is told with its line; the exit code is 2 when there is\none. With FILE no server is needed.": "检查一个设置文件，或服务器自己的文件。每个错误都指出所在行；有错误时退出码为 2。\n给出 FILE 时不需要服务器。",
		"%s is valid": "%s 有效",
		"Have the server read its settings file now": "让服务器立即读取设置文件",
		"Have the server read its settings file now, and show what was taken up and what needs more. The server watches the\nfile by itself; this tells the result. Services are not touched.": "让服务器立即读取设置文件，并显示哪些已生效、哪些还需要别的操作。服务器本来就监视该文件；此命令给出结果。\n不影响服务。",
		"nothing differs from what runs": "与正在生效的设置没有差别",
		"RUNS":                           "当前", "FILE SAYS": "文件中", "EFFECT": "效果", "applied": "已生效", "aictl upgrade": "aictl upgrade",
		"a restart of aictl": "重启 aictl", "nothing": "无需操作",
		"would be started anew: %s (%s)":                                   "会重新启动：%s（%s）",
		"not all of the file is in force yet; `%s` shows what waits":       "文件中有的修改还没有生效；`%s` 可查看",
		"the settings file is not valid, the settings before it go on: %s": "设置文件无效，之前的设置继续有效：%s",
		"settings": "设置", "refused": "被拒绝",
		"`%s` shows every fault": "`%s` 显示所有错误",
	}
}
