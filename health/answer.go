package health

import "bytes"

// plainAnswer reads an answer that is whole and in the form that nearly all have: a status line, headers with one
// Content-Length, the body. ok is false for any other, which http.ReadResponse is to judge. It makes no copies: an idle
// daemon does little else than read such answers.
func plainAnswer(data []byte) (code int, body []byte, ok bool) {
	line, rest, found := bytes.Cut(data, []byte("\r\n"))
	if code = statusCode(line); !found || code < 200 || code == 204 || code == 304 {
		return 0, nil, false
	}
	length := -1
	for {
		line, rest, found = bytes.Cut(rest, []byte("\r\n"))
		if !found {
			return 0, nil, false
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := header(line)
		switch {
		case !ok || bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, nil, false
		case !bytes.EqualFold(name, []byte("Content-Length")):
			continue
		}
		n, ok := decimal(value)
		if !ok || length >= 0 {
			return 0, nil, false
		}
		length = n
	}
	if length < 0 || length > maxBody || len(rest) < length {
		return 0, nil, false
	}
	return code, rest[:length], true
}

// statusCode is that of a line such as "HTTP/1.1 200 OK", 0 when it reads otherwise.
func statusCode(line []byte) int {
	const code = len("HTTP/1.1 ")
	if len(line) < code+4 || string(line[:code]) != "HTTP/1.1 " || line[code+3] != ' ' {
		return 0
	}
	n, _ := decimal(line[code : code+3])
	return n
}

// header cuts a header line. ok is false for whatever is unusual in one.
func header(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return nil, nil, false
	}
	for _, c := range name {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return nil, nil, false
		}
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return nil, nil, false
		}
	}
	return name, bytes.Trim(value, " "), true
}

// decimal reads a short number.
func decimal(digits []byte) (n int, ok bool) {
	if len(digits) == 0 || len(digits) > 7 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
