package main

// routesZH is what is said of candidates, canaries, shadows and the response cache.
func routesZH() map[string]string {
	return map[string]string{
		"candidate": "候选",
		"canary":    "灰度",
		"shadow":    "影子",
		"verify":    "验证",
	}
}
