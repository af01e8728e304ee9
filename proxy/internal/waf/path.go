package waf

import "bytes"

// normalPath is the path as the scope of a rate rule sees it: escapes decoded, then dot
// segments and repeated slashes gone, so that no other spelling escapes a limit. It is the
// web ACL's URL_DECODE and NORMALIZE_PATH.
func (q *query) normalPath() []byte {
	if len(q.path) == 0 {
		q.path = appendNormalPath(q.path, q.x.Request.Path)
	}
	return q.path
}

// appendNormalPath appends the decoded and normalized form of path to dst, which is empty.
func appendNormalPath(dst, path []byte) []byte {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			if high, low := unhex(path[i+1]), unhex(path[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		if c == '/' {
			dst = endSegment(dst)
			if n := len(dst); n > 0 && dst[n-1] == '/' {
				continue
			}
		}
		dst = append(dst, c)
	}
	return endSegment(dst)
}

// endSegment takes a dot segment off the end of path, and the one before for two dots.
func endSegment(path []byte) []byte {
	slash := bytes.LastIndexByte(path, '/')
	if slash < 0 {
		return path
	}
	switch string(path[slash+1:]) {
	case ".":
		return path[:slash+1]
	case "..":
		return path[:bytes.LastIndexByte(path[:slash], '/')+1]
	}
	return path
}

// unhex is the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
