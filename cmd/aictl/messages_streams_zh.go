package main

// streamsZH is what is said of streamed bodies.
func streamsZH() map[string]string {
	return map[string]string{
		"trailer":                "尾部",
		"parts":                  "分段",
		"pieces, as they passed": "数据块（按经过顺序）",
		"frames, as they passed": "帧（按经过顺序）",
		"… %d more, the last at %s (-o json has all)": "……另有 %d 个，最后一个在 %s（-o json 可看全部）",
	}
}
