package main

// tlsZH is what is said about certificates.
func tlsZH() map[string]string {
	return map[string]string{
		"certificate file of the API, in PEM; plain HTTP when left out":                                          "API 的证书文件（PEM）；省略则使用普通 HTTP",
		"file with the private key of --tls-cert":                                                                "--tls-cert 的私钥文件",
		"certificate file of the gateway":                                                                        "网关的证书文件",
		"file with the private key of --gateway-tls-cert":                                                        "--gateway-tls-cert 的私钥文件",
		"file with the authority of an https server's certificate (AICTL_CA_FILE)":                               "https 服务器证书的签发机构文件（AICTL_CA_FILE）",
		"name a file with the authority that vouches for the certificate: --ca-file or AICTL_CA_FILE":            "请给出该证书签发机构的文件：--ca-file 或 AICTL_CA_FILE",
		"the %s listens on %s, which other machines can reach, without TLS":                                      "%s 监听 %s，其他机器可以访问，且没有 TLS",
		"give it a certificate (%s.cert and %s.key in the settings), or keep it on 127.0.0.1 behind a TLS proxy": "请为它配置证书（设置中的 %s.cert 和 %s.key），或让它留在 127.0.0.1 并置于 TLS 代理之后",
		"the certificates in use are good for more than two weeks":                                               "所用证书的有效期都超过两周",
		"without TLS, and only reached from this machine":                                                        "没有 TLS，且只能从本机访问",
		"the certificate %s cannot be read: %s":                                                                  "无法读取证书 %s：%s",
		"correct the path in the settings, or its permissions":                                                   "请更正设置中的路径或文件权限",
		"the certificate %s is not in PEM":                                                                       "证书 %s 不是 PEM 格式",
		"convert it: openssl x509 -inform der -in FILE -out %s":                                                  "请转换：openssl x509 -inform der -in FILE -out %s",
		"put the certificate first in the file, before the intermediate ones":                                    "请把证书放在文件最前面，中间证书放在其后",
		"the certificate %s has expired on %s":                                                                   "证书 %s 已于 %s 过期",
		"the certificate %s ends on %s":                                                                          "证书 %s 将于 %s 到期",
		"renew it: aictl takes the new file up by itself":                                                        "请续期：aictl 会自动采用新文件",
	}
}
