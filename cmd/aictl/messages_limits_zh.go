package main

// limitsZH is what is said of limits and of what instances use.
func limitsZH() map[string]string {
	return map[string]string{
		"PROCS": "进程", "FILES": "文件数",
		"resources.%s is enforced by %s":        "resources.%s 由 %s 强制",
		"resources.%s is not enforced here: %s": "resources.%s 在本机无法强制：%s",
		"run it as a unit with Delegate=yes; in a container, mount /sys/fs/cgroup writable and use --cgroupns=private": "请作为带 Delegate=yes 的单元运行；在容器中请以可写方式挂载 /sys/fs/cgroup，并使用 --cgroupns=private",
		"run it as root, or as a unit of this user with Delegate=yes":                                                  "请以 root 运行，或作为此用户的带 Delegate=yes 的单元运行",
		"services may run as other users (process.user)":                                                               "服务可以以其他用户身份运行（process.user）",
		"services run as this user; process.user needs root":                                                           "服务以此用户身份运行；process.user 需要 root",
	}
}
