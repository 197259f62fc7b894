package main

// giteaZH is what `aictl gitea` says.
func giteaZH() map[string]string {
	return map[string]string{
		"Connect Giteas, and work with their repositories": "连接 Gitea，并使用其中的仓库",
		"A connected Gitea is where services come from: \"aictl deploy owner/repo\" clones from there, and what is pushed there is\ndeployed. More than one can be connected; owner/repo alone means the default one.": "服务来自已连接的 Gitea：\"aictl deploy owner/repo\" 从那里克隆，推送到那里的代码会被部署。\n可以连接多个；只写 owner/repo 指默认的那个。",
		"Which are connected":       "已连接哪些",
		"List the connected Giteas": "列出已连接的 Gitea",
		"List the connected Giteas, the default one first, and where each connection comes from: AICTL_GITEA_URL comes before what\n\"aictl gitea connect\" has stored, and that before gitea.url in the settings file. Tokens are not shown.": "列出已连接的 Gitea，默认的在最前，并说明各连接的来源：AICTL_GITEA_URL 优先于 \"aictl gitea connect\" 保存的，\n后者优先于设置文件中的 gitea.url。不显示令牌。",
		"no Gitea is connected; `%s` connects one": "没有连接 Gitea；用 `%s` 连接",
		"TOKEN OF":      "令牌所属",
		"TOKEN":         "令牌",
		"OWNER":         "所有者",
		"FROM":          "来源",
		"environment":   "环境",
		"stored":        "已保存",
		"settings file": "设置文件",
	}
}
