package asgsim

import (
	"crypto/md5"
	"encoding/hex"
)

// sum is how SQS tells that it got a body whole.
func sum(body string) string {
	s := md5.Sum([]byte(body))
	return hex.EncodeToString(s[:])
}
