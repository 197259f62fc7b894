package main

// keysZH is what is said about API keys.
func keysZH() map[string]string {
	return map[string]string{
		"Give out and revoke API keys of services": "发放和吊销服务的 API 密钥",
		"A service whose manifest says \"gateway: {keys: required}\" is answered only with an API key. Clients send it as\n\"Authorization: Bearer KEY\" or \"X-Api-Key: KEY\"; the service itself does not see it. Records name the key.": "清单中写有 \"gateway: {keys: required}\" 的服务只回应带 API 密钥的请求。客户端以\n\"Authorization: Bearer KEY\" 或 \"X-Api-Key: KEY\" 发送密钥；服务本身看不到它。记录中会写明密钥的名称。",
		"Make an API key": "创建一个 API 密钥",
		"Make an API key and show it, this once: only a digest of it is kept. It is good from the next request on.": "创建一个 API 密钥并仅在此时显示一次：系统只保存其摘要。从下一个请求起生效。",
		"For one service, for a month":                                                                      "用于一个服务，有效期一个月",
		"For all services, with a rate of its own":                                                          "用于所有服务，并单独限速",
		"the key's name, which records show":                                                                "密钥的名称，记录中会显示",
		"for all services that ask for keys":                                                                "用于所有要求密钥的服务",
		"until when it is good: a span such as 30d or 12h, or a date; for ever when left out":               "有效期至何时：时长（如 30d、12h）或日期；省略则永久有效",
		"requests that it may make: 100/s, 10/30s, 5000/1h":                                                 "允许的请求速率：100/s、10/30s、5000/1h",
		"how many of them may come at once; as many as --rate says when left out":                           "其中允许同时到来的个数；省略则与 --rate 的个数相同",
		"%s needs a service, or --all":                                                                      "%s 需要一个服务名，或 --all",
		"a service and --all exclude each other: give one":                                                  "服务名与 --all 不能同时使用：请只给一个",
		"the key needs a name: give --name":                                                                 "密钥需要名称：请给出 --name",
		"--burst belongs to a rate: give --rate, too":                                                       "--burst 须与速率一起使用：请同时给出 --rate",
		"--expires %q is not a time to come: write a span such as 30d or 12h, or a date such as 2030-01-31": "--expires %q 不是将来的时间：请写时长（如 30d、12h）或日期（如 2030-01-31）",
		"all services": "所有服务",
		"API key %s for %s. Keep it now: it is not shown again.": "API 密钥 %s，用于%s。请立即保存：不会再次显示。",
		"List API keys": "列出 API 密钥",
		"List API keys: whose they are, their rates and until when they are good. The keys themselves are not kept.": "列出 API 密钥：用于哪个服务、速率和有效期。系统不保存密钥本身。",
		"Those that are good for a service": "可用于某个服务的密钥",
		"What was asked with one":           "用某个密钥请求了什么",
		"no API keys; `%s` makes one":       "没有 API 密钥；用 `%s` 创建",
		"KEY":                               "密钥",
		"RATE":                              "速率",
		"EXPIRES":                           "到期",
		"BY":                                "创建者",
		"never":                             "永不",
		"(all)":                             "（全部）",
		"Make API keys worthless":           "吊销 API 密钥",
		"Make API keys worthless, from the next request on. What was recorded with them stays.": "吊销 API 密钥，从下一个请求起生效。用它们产生的记录会保留。",
		"API key %s is revoked": "API 密钥 %s 已吊销",
	}
}
