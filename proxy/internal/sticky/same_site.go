package sticky

import "bytes"

// firstSameSite is the major version from which Chromium keeps a cookie out of requests
// from other sites unless it says SameSite=None.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
const firstSameSite = 80

var chromiumNames = [][]byte{[]byte("Chrome/"), []byte("Chromium/")}

// NeedsSameSite reports whether a User-Agent is that of a browser made of Chromium 80 or
// newer, whose application cookies an ALB marks with SameSite=None.
func NeedsSameSite(userAgent []byte) bool {
	for _, name := range chromiumNames {
		_, after, found := bytes.Cut(userAgent, name)
		if !found {
			continue
		}
		major := 0
		for _, c := range after {
			if c < '0' || c > '9' || major >= firstSameSite {
				break
			}
			major = major*10 + int(c-'0')
		}
		if major >= firstSameSite {
			return true
		}
	}
	return false
}
