package main

// tlsZH is what is said about certificates.
func tlsZH() map[string]string {
	return map[string]string{
		"certificate file of the API, in PEM; plain HTTP when left out":                               "API 的证书文件（PEM）；省略则使用普通 HTTP",
		"file with the private key of --tls-cert":                                                     "--tls-cert 的私钥文件",
		"certificate file of the gateway":                                                             "网关的证书文件",
		"file with the private key of --gateway-tls-cert":                                             "--gateway-tls-cert 的私钥文件",
		"file with the authority of an https server's certificate (AICTL_CA_FILE)":                    "https 服务器证书的签发机构文件（AICTL_CA_FILE）",
		"name a file with the authority that vouches for the certificate: --ca-file or AICTL_CA_FILE": "请给出该证书签发机构的文件：--ca-file 或 AICTL_CA_FILE",
	}
}
