package main

// sinksZH is what `aictl sinks` says.
func sinksZH() map[string]string {
	return map[string]string{
		"See how records get to databases and queues": "查看记录如何送往数据库和队列",
		"The setting records.sinks names databases (PostgreSQL, MySQL, MariaDB) and queues (Kafka) that get every record, at least\nonce and in the order it was recorded. Each has a place that survives restarts; what it has not got yet waits in the\nserver's own store.": "设置 records.sinks 列出接收每条记录的数据库（PostgreSQL、MySQL、MariaDB）和队列（Kafka），按记录顺序，至少送达一次。\n每个去向的进度在重启后仍保留；尚未送达的记录留在服务器自己的存储中等待。",
		"How far behind they are":                                  "它们落后多少",
		"Whether one can be reached":                               "某个去向是否可达",
		"List the sinks: state, delivered, behind, the last error": "列出去向：状态、已送达、落后、最近的错误",
		"List the sinks: what each is doing, how many records it has got and how many wait for it.": "列出去向：各自在做什么，已送达多少记录，还有多少在等待。",
		"no sinks: the setting records.sinks names them":                                            "没有去向：由设置 records.sinks 指定",
		"SINK":      "去向",
		"SENT":      "已送达",
		"BEHIND":    "落后",
		"MISSED":    "错过",
		"LAST SENT": "最近送达",
		"idle":      "已送完",
		"sending":   "发送中",
		"retrying":  "重试中",
		"stuck":     "卡住",
		"check the address, the user and what it may do there":                                             "请检查地址、用户及其权限",
		"Connect to a sink and prepare its schema":                                                         "连接一个去向并准备好它的表结构",
		"Connect to a sink from the server, create or migrate its table or topic, and leave.":              "从服务器连接一个去向，创建或迁移它的表或主题，然后断开。",
		"After changing its address":                                                                       "修改地址之后",
		"it can be reached and written to":                                                                 "可达且可写",
		"Have a sink that waits after a failure try again now":                                             "让失败后等待中的去向立即重试",
		"Have a sink that waits after a failure try again now. By itself it does so after up to a minute.": "让失败后等待中的去向立即重试。它自己最多等一分钟也会重试。",
		"When the database is back":                                                                        "数据库恢复之后",
		"it tries again":                                                                                   "正在重试",
		"Have a sink begin anew":                                                                           "让一个去向重新开始",
		"Have a sink begin anew with the first record that is kept, for a database that was emptied; or, with --to now, pass over\nall that it has not got yet. Records that are there already are not doubled.": "让一个去向从保留的第一条记录重新开始（例如数据库被清空后）；或用 --to now 跳过尚未送达的全部记录。\n已在那里的记录不会重复。",
		"Deliver everything again":             "全部重新送达",
		"Give up what is behind":               "放弃尚未送达的",
		"--to %q is neither beginning nor now": "--to %q 既不是 beginning 也不是 now",
		"it begins anew":                       "已重新开始",
		"beginning, or now":                    "beginning 或 now",
	}
}
