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
	}
}
