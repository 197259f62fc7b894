package main

// renderZH is what `aictl render` says.
func renderZH() map[string]string {
	return map[string]string{
		"Write the configuration of nginx or Caddy in front of the gateway": "生成网关前面的 nginx 或 Caddy 的配置",
		"Write the configuration of a web server that stands in front of aictl's gateway, for those who keep theirs: every byte of\npaths is kept, answers and uploads stream, WebSockets pass, and limits stay with aictl.": "为保留自己网页服务器的用户生成放在 aictl 网关前面的配置：路径逐字节保留，应答和上传都是流式，\nWebSocket 直通，各种限制仍由 aictl 负责。",
		"A host name for one service": "给一个服务单独的主机名",
		"Write a file for nginx":      "生成 nginx 的配置文件",
		"Write a Caddyfile":           "生成 Caddyfile",
		"Write the configuration to stdout. Where the gateway is, is asked of the daemon; --gateway says it without one. With\n--name and neither --cert nor --listen Caddy gets certificates by itself; nginx needs --cert and --key for HTTPS.": "把配置写到标准输出。网关地址向守护进程询问；用 --gateway 可不经守护进程直接给出。\n给出 --name 而不给 --cert 和 --listen 时，Caddy 自己申请证书；nginx 的 HTTPS 需要 --cert 和 --key。",
		"--host %q is not NAME=SERVICE":                                                     "--host %q 不是 NAME=SERVICE",
		"address of the gateway, HOST:PORT; asked of the daemon when left out":              "网关地址 HOST:PORT；不给时向守护进程询问",
		"where the server listens; port 443 with a certificate, else 80":                    "服务器监听的地址；有证书时为 443 端口，否则 80",
		"host names under which all services are reached at /ai/SERVICE; any when left out": "以 /ai/SERVICE 访问全部服务的主机名；不给则任意",
		"a host name for one service, NAME=SERVICE":                                         "单个服务的主机名，NAME=SERVICE",
		"file of the certificate, with its chain":                                           "证书文件（含证书链）",
		"file of the certificate's key":                                                     "证书的密钥文件",
	}
}
