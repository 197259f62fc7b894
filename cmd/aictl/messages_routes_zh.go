package main

// routesZH is what is said of candidates, canaries, shadows and the response cache.
func routesZH() map[string]string {
	return map[string]string{
		"candidate": "候选",
		"canary":    "灰度",
		"shadow":    "影子",
		"verify":    "验证",

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
		"not copied: %s":                                 "未复制：%s",
	}
}
