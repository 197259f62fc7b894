package main

// statusZH is what `aictl deploys show` says of commit statuses.
func statusZH() map[string]string {
	return map[string]string{
		"%s on %s": "%s，已告知 %s",
		"%s was not told to %s, and is not tried any more":   "%s 未能告知 %s，不再尝试",
		"%s is not told to %s yet; tried %d times, again %s": "%s 尚未告知 %s；已尝试 %d 次，%s再试",
		"%s is about to be told to %s":                       "%s 即将告知 %s",
		"now":                                                "现在",
		"in %s":                                              "%s 后",
		"pending":                                            "等待中",
		"success":                                            "成功",
		"failure":                                            "失败",
	}
}
