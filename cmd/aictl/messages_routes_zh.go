package main

// routesZH is what is said of candidates, canaries, shadows and the response cache.
func routesZH() map[string]string {
	return map[string]string{
		"candidate": "候选",
		"canary":    "灰度",
		"shadow":    "影子",
		"verify":    "验证",
		"promoted":  "已转正",
		"changed":   "已更改",

		"Send a part of a service's requests to another release": "把服务的一部分请求发到另一个版本",
		`Start instances of another release beside the live ones, and send a part of the requests to them once they are healthy.
Without flags: show the split, and the requests, errors and times of both sides.

Requests with --header go to the canary; of the rest --weight percent do. A session that the manifest's gateway.sticky or
record.session names stays on its side. While the canary is not healthy, all requests go to the live release. A deploy of another
release ends it.`: `在线上实例旁边启动另一个版本的实例，健康之后把一部分请求发给它们。
不带参数时：显示分流比例，以及两边的请求数、错误数和耗时。

带有 --header 的请求都发到灰度；其余请求按 --weight 的百分比分流。清单里 gateway.sticky 或 record.session 指定的会话
始终留在同一边。灰度不健康时，全部请求发到线上版本。部署另一个版本会结束灰度。`,
		"A tenth of the requests":                    "十分之一的请求",
		"Only those of a tester":                     "只有测试者的请求",
		"How it does":                                "查看情况",
		"More of them, then all for good":            "加大比例，然后全部切换",
		"Back to the live release":                   "全部回到线上版本",
		"the release, by its id or its number (r12)": "版本的编号，全称或序号（r12）",
		"percent of the requests":                    "占请求的百分比",
		`requests with this header go to the canary ("X-Canary: 1"; "" for none)`: `带有此请求头的请求发到灰度（"X-Canary: 1"；"" 表示没有）`,
		"instances of the canary":                                       "灰度的实例数",
		"make the canary the live release":                              "把灰度转为线上版本",
		"end it: all requests go to the live release":                   "结束：全部请求发到线上版本",
		"%s: the canary %s has ended; all requests go to %s":            "%s：灰度 %s 已结束；全部请求发到 %s",
		"the canary of %s starts …":                                     "%s 的灰度正在启动……",
		"%s: %s of the requests go to %s, the rest to %s":               "%s：%s 的请求发到 %s，其余发到 %s",
		"those with %s go to %s":                                        "带 %s 的发到 %s",
		"the canary has no healthy instance, all requests go to %s: %s": "灰度没有健康的实例，全部请求发到 %s：%s",
		"REQUESTS":  "请求",
		"ERRORS":    "错误",
		"INSTANCES": "实例",
		"SIDE":      "一边",
		"Send copies of a service's requests to another release or service": "把服务请求的副本发到另一个版本或服务",
		`Send copies of a service's requests to another service, or to instances of another release that are started for it. Clients get the
live release's answers and wait for nothing else; copies that cannot be sent at once wait in a bounded queue or are dropped and counted.
The answers are recorded with the source "shadow" and the tag shadow_of, the id of the original's record.
Without flags: show where the copies go and what came of them.`: `把服务请求的副本发到另一个服务，或发到为此启动的另一个版本的实例。客户端得到线上版本的应答，
不等待任何别的东西；不能马上发送的副本在有界队列里等待，或被丢弃并计数。
应答以来源 "shadow" 和标签 shadow_of（原记录的编号）记录下来。
不带参数时：显示副本发往何处、结果如何。`,
		"All requests also to release r12": "全部请求也发到版本 r12",
		"Every fifth to another service":   "每五个请求中的一个发到另一个服务",
		"What came of it":                  "结果如何",
		"Enough":                           "到此为止",
		"a service, or a release of this one by its id or its number (r12)": "一个服务，或本服务的一个版本，用全称或序号（r12）",
		"instances of a release":                         "版本的实例数",
		"end it":                                         "结束",
		"the shadow of %s starts …":                      "%s 的影子正在启动……",
		"%s: no more copies are sent":                    "%s：不再发送副本",
		"%s: %s of the requests are copied to %s":        "%s：%s 的请求被复制到 %s",
		"(by the manifest)":                              "（按清单）",
		"sent %d, errors %d, waiting %d, p50 %s, p95 %s": "已发送 %d，错误 %d，等待 %d，p50 %s，p95 %s",

		"Show what the gateway keeps of services' answers": "显示网关保留的服务应答",
		`Show the response caches of all services, or of one: hits, misses, bytes, and what half and twice the size would do.
A service has one when its manifest says so (gateway.cache.ttl): only for services that give equal requests equal answers.`: `显示全部服务或某个服务的应答缓存：命中、未命中、字节数，以及大小减半和加倍会怎样。
清单里写了 gateway.cache.ttl 的服务才有缓存：只用于相同请求总得到相同应答的服务。`,
		"All caches":                          "全部缓存",
		"One, with what was not kept and why": "其中一个，以及哪些没有保留、为什么",
		"Forget all answers":                  "清空全部应答",
		"Forget the answers that the gateway keeps of a service":                                            "清空网关保留的某个服务的应答",
		"Forget the answers that the gateway keeps of a service. A switch to another release does so, too.": "清空网关保留的某个服务的应答。切换到另一个版本时也会清空。",
		"After its model file was changed by hand":                                                          "手工替换模型文件之后",
		"%s: its cache is empty": "%s：缓存已清空",
		"no service has a cache; gateway.cache.ttl in its manifest gives it one": "没有服务使用缓存；在清单里写 gateway.cache.ttl 即可启用",
		"HIT RATIO": "命中率", "HITS": "命中", "MISSES": "未命中", "ANSWERS": "应答", "OF": "上限", "EVICTED": "淘汰",
		"hardly a request comes twice: the cache is of no use":                          "几乎没有重复的请求：缓存没有用处",
		"max_bytes of %s would answer %s of the requests":                               "max_bytes 为 %s 时可以应答 %s 的请求",
		"max_bytes of %s would do":                                                      "max_bytes 为 %s 就够了",
		"its size is right":                                                             "大小合适",
		"too few requests to advise on its size":                                        "请求太少，无法给出大小建议",
		"%s: %s of %d requests were answered from the cache":                            "%s：%s 的请求（共 %d 个）由缓存应答",
		"%d answers take %s of %s; each is kept for %s":                                 "%d 个应答占用 %s（上限 %s）；每个保留 %s",
		"with half the size it would be %s, with twice %s: %s":                          "大小减半时为 %s，加倍时为 %s：%s",
		"stored %d, evicted %d, expired %d, cleared %d":                                 "存入 %d，淘汰 %d，过期 %d，清空 %d",
		"%d requests waited for the answer to an equal one":                             "%d 个请求等待了相同请求的应答",
		"not looked up or not kept: %s":                                                 "未查找或未保留：%s",
		"make it the canary with so many percent of the requests, not the live release": "让它成为灰度，得到这么多百分比的请求，而不是线上版本",
		"--canary %v is not above 0 and up to 100 percent":                              "--canary %v 不在 0（不含）到 100 之间",
		"release %s is the canary of %s after %s":                                       "版本 %s 成为 %s 的灰度，用时 %s",
		"not copied: %s": "未复制：%s",
	}
}
