package main

// findingZH is what the commands that search, count and label records say.
func findingZH() map[string]string {
	return map[string]string{
		"a status (500), a class (5xx), error (no answer, or 400 and above), or none (no answer)": "状态码（500）、一类（5xx）、error（无应答，或 400 及以上）或 none（无应答）",
		"of one user":           "某个用户的",
		"answered by one model": "由某个模型应答的",
		"with a tag, as `KEY=VALUE`, or KEY for any value; may be repeated": "带有标签 `KEY=VALUE`，只写 KEY 表示任意值；可重复",
		"made by: gateway, ingest, import, shadow, replay; may be repeated": "来源：gateway、ingest、import、shadow、replay；可重复",
		"that took at most so long":                                         "耗时不超过该值的",
		"with a body of this SHA-256, on either side":                       "任一方正文的 SHA-256 为该值的",
	}
}
