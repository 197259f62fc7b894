package main

// pipelineZH is what is said about the history of deploys and the ways back.
func pipelineZH() map[string]string {
	return map[string]string{
		"release id, its number, or its commit (default: the one that was live before)": "版本标识、版本号或其提交（默认：上一个上线的）",
		"why, for the history":               "原因，记入历史",
		"rolling":                            "滚动替换",
		"Show what lies between two deploys": "显示两次部署之间的差别",
		"Show what lies between two versions of a service: the commits, what differs in the manifest, and which dependencies are\nothers. A version is a deploy (12), a kept release (r12) or a commit; with none of the first, --service says whose they are.": "显示一个服务的两个版本之间的差别：提交、清单中的不同以及依赖的变化。\n版本可以是部署（12）、保留的版本（r12）或提交；若没有部署编号，则用 --service 指明服务。",
		"What a deploy brought":               "一次部署带来了什么",
		"From a release to a commit":          "从一个版本到一个提交",
		"whose releases and commits they are": "这些版本和提交所属的服务",
		"%s: from %s to %s":                   "%s：从 %s 到 %s",
		"commits that come:":                  "新增的提交：",
		"commits that go:":                    "去掉的提交：",
		"… and more":                          "……还有更多",
		"the commit is the same":              "提交相同",
		"not compared:":                       "未比较：",
		"deploy %d":                           "部署 %d",
		"the manifest is the same":            "清单相同",
		"the dependencies are the same":       "依赖相同",
		"DEPENDENCY":                          "依赖",
		"FILE":                                "文件",
		"WHY":                                 "原因",
		"TO":                                  "到",
		"FROM WHERE":                          "来源地址",
		"why":                                 "原因",
		"from":                                "来自",
		"Show the log of a deploy":            "显示一次部署的日志",
		"Show what a deploy and the programs that it ran wrote: the last lines, or with --follow everything from now on until it has\nended; then the exit code is 1 when it did not go live. With -o json one object per line.": "显示部署及其运行的程序所写的内容：最后若干行；用 --follow 则持续显示到结束，\n若没有上线，退出码为 1。-o json 时每行一个对象。",
		"The whole build":                        "完整的构建过程",
		"As it goes":                             "实时查看",
		"--lines %d is not between 1 and 100000": "--lines %d 不在 1 到 100000 之间",
		"go on until it has ended":               "持续到结束",
		"at most so many of the last lines":      "最多显示最后若干行",
	}
}
