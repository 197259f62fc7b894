package main

// pipelineZH is what is said about the history of deploys and the ways back.
func pipelineZH() map[string]string {
	return map[string]string{
		"release id, its number, or its commit (default: the one that was live before)": "版本标识、版本号或其提交（默认：上一个上线的）",
		"why, for the history": "原因，记入历史",
		"rolling":              "滚动替换",
	}
}
