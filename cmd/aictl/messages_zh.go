package main

import (
	"maps"
	"sync"
)

// messagesZH are all messages in Chinese, by their English text; a test keeps them complete. They are only made when
// somebody reads Chinese: the keeper, which runs this program, too, has to stay small.
var messagesZH = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	for _, part := range partsZH() {
		maps.Copy(all, part)
	}
	return all
})

// partsZH are the messages of each part of the program. The same text has the same translation in all of them.
func partsZH() []map[string]string {
	return []map[string]string{
		runtimeZH(), tablesZH(), helpZH(), serverHelpZH(), flagsZH(), eventsZH(), jobsZH(), configZH(), topZH(), upgradeZH(), sinksZH(), renderZH(),
		doctorZH(), limitsZH(), findingZH(), custodyZH(), replayZH(), keysZH(), pipelineZH(), tlsZH(), routesZH(), exchangeZH(), envZH(), streamsZH(),
		giteaZH(), hostingZH(), statusZH(), giteaConnectZH(), pushesZH(), registryZH(),
	}
}

// runtimeZH is what commands say while they work.
func runtimeZH() map[string]string {
	return map[string]string{
		"error:":                        "错误：",
		"hint:":                         "提示：",
		"warning:":                      "警告：",
		"interrupted":                   "已中断",
		"see %s":                        "参见 %s",
		"see %s and %s":                 "参见 %s 和 %s",
		"did you mean %s?":              "您是想用 %s 吗？",
		"%q is not a command of %s":     "%q 不是 %s 的命令",
		"%s takes no arguments, got %q": "%s 不接受参数，却收到 %q",
		"%s needs %s":                   "%s 需要 %s",
		"%s takes %s: %w":               "%s 的参数是 %s：%w",
		"--output %q is not known: use table, wide, json or yaml":                               "不认识 --output %q：请用 table、wide、json 或 yaml",
		"--data-dir and --server exclude each other: one means this machine, the other another": "--data-dir 与 --server 不能同时使用：一个指本机，另一个指别的机器",

		"--%s and --%s exclude each other: give one": "--%s 与 --%s 不能同时使用：请只给一个",

		"no daemon answers at %s": "%s 上没有守护进程应答",
		"check the address, and that the daemon there listens on it (aictl daemon --listen)":                          "请检查地址，并确认那边的守护进程在此地址监听（aictl daemon --listen）",
		"start one with `aictl daemon`; one with another data directory is reached with --data-dir or AICTL_DATA_DIR": "用 `aictl daemon` 启动；数据目录不同的守护进程用 --data-dir 或 AICTL_DATA_DIR 连接",
		"start one with `%s`": "用 `%s` 启动",
		"give the token with --token or AICTL_TOKEN; the server keeps it in api.token in its data directory": "用 --token 或 AICTL_TOKEN 给出令牌；它在服务器数据目录的 api.token 里",
		"`aictl status` lists the services, `aictl deploys` the deploys, `aictl records list` the records":   "`aictl status` 列出服务，`aictl deploys` 列出部署，`aictl records list` 列出记录",
		"the daemon's own log says more": "守护进程自己的日志里有更多说明",
		"no service matches %q":          "没有服务匹配 %q",
		"`%s` lists the services":        "`%s` 列出所有服务",

		"name the directory it is in":                               "请给出它所在的目录",
		"%s is a file, and a source is a directory or a repository": "%s 是文件，而来源应是目录或仓库",
		"there is no source %q":                                     "没有来源 %q",
		"a source is the name of a hosted repository, owner/repo on the connected Gitea, a Git URL, or a directory of this machine such as ./my-service": "来源是托管仓库的名字、所连 Gitea 上的 owner/repo、Git 地址，或本机目录，如 ./my-service",
		"%s is on this machine, and the daemon at %s is on another":                                                                                      "%s 在本机，而 %s 的守护进程在另一台机器上",
		"push it to a repository the server can reach and deploy that, or run aictl on the server":                                                       "请推送到服务器能访问的仓库再部署，或在服务器上运行 aictl",
		"leave --ref out to deploy the directory as it is":                                                                                               "去掉 --ref 即按目录现状部署",
		"%s is no Git repository, so it has no ref %q":                                                                                                   "%s 不是 Git 仓库，没有引用 %q",
		"--env %q is not K=V, and no such variable is set here":                                                                                          "--env %q 不是 K=V，此处也没有这个变量",

		"deploy %d of %s from %s":                                       "部署 %d：%s，来自 %s",
		"a new service":                                                 "新服务",
		"deploy %d of %s is queued; follow it with: %s":                 "部署 %d（%s）已排队；跟踪：%s",
		"detached; deploy %d goes on":                                   "不再等待；部署 %d 继续进行",
		"deploy %d is not done after %s; it goes on":                    "部署 %d 在 %s 后还未完成；它继续进行",
		"follow it: %s":                                                 "跟踪：%s",
		"cancel it: %s":                                                 "取消：%s",
		"%s is live: release %s after %s":                               "%s 已上线：版本 %s，用时 %s",
		"call it: %s":                                                   "调用：%s",
		"deploy %d of %s was superseded by a newer one":                 "部署 %d（%s）被更新的部署取代",
		"deploy %d of %s was cancelled":                                 "部署 %d（%s）已取消",
		"deploy %d of %s was interrupted: the server stopped meanwhile": "部署 %d（%s）中断：其间服务器停止了",
		"deploy %d of %s failed at step %q after %s: %s":                "部署 %d（%s）在步骤 %q 失败，用时 %s：%s",
		"last lines of its log:":                                        "日志的最后几行：",
		"the whole story: %s":                                           "完整经过：%s",
		"nothing serves %s: it has had no live release yet":             "%s 无人服务：它还没有上线过的版本",
		"release %s of %s stays, but no instance of it is ready":        "版本 %s（%s）保留，但没有就绪的实例",
		"release %s keeps serving %s":                                   "版本 %s 继续为 %s 服务",
		"deploy %d is being cancelled":                                  "正在取消部署 %d",
		"%q is not the number of a deploy; `aictl deploys` lists them":  "%q 不是部署编号；`aictl deploys` 列出所有部署",

		"this is no terminal, so nobody can be asked": "这不是终端，无法询问",
		"add --yes to remove without a question":      "加 --yes 即不询问直接移除",
		"Remove %s? [y/N] ":                           "移除 %s？[y/N] ",
		"nothing was removed":                         "什么都没有移除",
		"failed: %s":                                  "失败：%s",
		"started":                                     "已启动",
		"restarted":                                   "已重启",
		"removed":                                     "已移除",
		"scaled":                                      "已调整",
		"signalled":                                   "已发信号",
		"starting %s":                                 "正在启动 %s",
		"stopping %s":                                 "正在停止 %s",
		"restarting %s":                               "正在重启 %s",
		"removing %s":                                 "正在移除 %s",
		"%q is not a number of instances: use 0, 1, 2 …":            "%q 不是实例数：请用 0、1、2 …",
		"--replicas %d is not a number of instances: use 0, 1, 2 …": "--replicas %d 不是实例数：请用 0、1、2 …",

		"the daemon does not answer; trying again":               "守护进程没有应答；正在重试",
		"no services yet; deploy one with `aictl deploy SOURCE`": "还没有服务；用 `aictl deploy SOURCE` 部署一个",
		"no deploys yet; start one with `aictl deploy SOURCE`":   "还没有部署；用 `aictl deploy SOURCE` 开始一个",
		"no records match":                "没有匹配的记录",
		"there are more: add --cursor %s": "还有更多：加上 --cursor %s",
		"--grep: %w":                      "--grep：%w",
		"-n %d shows nothing: use a number above 0, or -1 for all lines": "-n %d 什么也不显示：请用大于 0 的数，或 -1 表示全部",

		"waiting for %s":        "等待 %s",
		"nothing to send to %s": "没有要发给 %s 的内容",
		"give input with -d JSON, -d @FILE or -F name=@file, or ask a path such as /health": "用 -d JSON、-d @FILE 或 -F name=@file 给出输入，或访问某个路径，如 /health",
		"--header %q is not NAME: VALUE": "--header %q 不是 NAME: VALUE",
		"-d is not JSON: %w at byte %d; add -H 'Content-Type: text/plain' to send it as it is": "-d 不是 JSON：%w，在第 %d 字节；加 -H 'Content-Type: text/plain' 可原样发送",
		"-d @%s: %w":                                "-d @%s：%w",
		"-d @%s: not a file that can be sent":       "-d @%s：不是可发送的文件",
		"--form %q is not NAME=VALUE or NAME=@FILE": "--form %q 不是 NAME=VALUE 或 NAME=@FILE",
		"--form %s: %w":                             "--form %s：%w",
		"no full answer in time from %s":            "%s 没有及时给出完整应答",
		"the gateway cannot be reached: %w":         "无法连接网关：%w",
		"the exchange with %s broke off: %w":        "与 %s 的交换中断：%w",
		"record %s":                                 "记录 %s",
		"what it answers: %s":                       "它能应答什么：%s",
		"what it printed: %s":                       "它输出了什么：%s",
		"%s answered %s: %s":                        "%s 应答 %s：%s",
		"%s of %s: send it to a file with > FILE":   "%s，%s：用 > FILE 存入文件",

		"--body %q is not a side: use request or response": "--body %q 不是哪一侧：请用 request 或 response",
		"the body of %s was not kept":                      "%s 的正文没有保留",
		"the body was not kept":                            "正文没有保留",
		"only the first %s of %s were kept":                "只保留了前 %s，共 %s",
		"%s of %s, not text":                               "%s，%s，不是文本",
		"in all: %d accepted, %d recorded, %d in flight":   "总计：接收 %d，已记录 %d，进行中 %d",
		"answered 503: %s":                                 "以 503 拒绝：%s",
		"%d without bodies":                                "%d 条没有正文",
		"none lost":                                        "没有丢失",
		"lost: %s":                                         "丢失：%s",

		"daemon %s (%s), up %s, at %s, keeper protocol %d":     "守护进程 %s（%s），已运行 %s，地址 %s，看护协议 %d",
		"there is no completion for %q: use bash, zsh or fish": "没有 %q 的补全：请用 bash、zsh 或 fish",
		"--ports: %w": "--ports：%w",

		"aictl demo in %s":    "aictl 演示，位于 %s",
		"kept: %s":            "已保留：%s",
		"starting the daemon": "正在启动守护进程",
		"the daemon is not ready after %s: %w\n%s":                          "守护进程在 %s 后仍未就绪：%w\n%s",
		"the daemon ended by itself (%s); its last lines:\n%s":              "守护进程自行结束（%s）；最后几行：\n%s",
		"stopping everything":                                               "正在停止一切",
		"stopped; nothing is left running":                                  "已停止；没有遗留任何进程",
		"all of this took %s":                                               "全程用时 %s",
		"everything stays up until Ctrl-C":                                  "一切保持运行，直到按 Ctrl-C",
		"deploying %s":                                                      "正在部署 %s",
		"the deploy of %s failed at step %q: %s":                            "%s 的部署在步骤 %q 失败：%s",
		"left out: %s, because %s is not on the PATH":                       "略过：%s，因为 PATH 上没有 %s",
		"left out: %s, because it needs a package index; --all takes it in": "略过：%s，因为它需要软件包索引；--all 会带上它",
		"no sample can run here":                                            "这里无法运行任何示例",
		"`aictl doctor` says what is missing":                               "`aictl doctor` 会说明缺什么",
		"%s, asked with %s, answered in %s":                                 "%s，以 %s 提问，%s 内应答",
		"What runs":                                                         "正在运行",
		"What was recorded":                                                 "已记录",
		"Where":                                                             "地址",
		"API          ":                                                     "API          ",
		"gateway      ":                                                     "网关      ",
		"%d calls were made, and %d are recorded after 10s":                 "发出了 %d 次调用，10 秒后记录了 %d 次",
		"Try next (in another terminal)":                                    "接下来可以试（在另一个终端）",

		"%q is not a signal: use one such as HUP, USR1, INT or TERM":                "%q 不是信号：请用 HUP、USR1、INT 或 TERM 等",
		"there are no deploys of %q":                                                "没有 %q 的部署",
		"`%s` lists those of all services":                                          "`%s` 列出所有服务的部署",
		"%s is there already":                                                       "%s 已存在",
		"--force replaces it":                                                       "--force 会替换它",
		"make it, or name the directory of your service":                            "请创建它，或给出服务所在的目录",
		"give another name with --name":                                             "请用 --name 另取名字",
		"next: look through it, then %s":                                            "下一步：看一遍，然后 %s",
		"nothing here says what kind of service it is: fill in runtime and command": "看不出这是哪种服务：请填写 runtime 和 command",
		"%s service, found by %s; nothing says how it starts: fill in command":      "%s 服务，依据 %s；看不出如何启动：请填写 command",
		"%s service, found by %s; starts with: %s":                                  "%s 服务，依据 %s；启动命令：%s",
		"add to .gitignore: %s":                                                     "请加入 .gitignore：%s",
	}
}
