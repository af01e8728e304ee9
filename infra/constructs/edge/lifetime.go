package edge

import (
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// How long files are kept that do not say so themselves, and that do at most. Both are
// CloudFront's own.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
const (
	defaultFileTTL = 24 * time.Hour
	maxFileTTL     = 365 * 24 * time.Hour
)

// lifetime is how long a shared cache may keep what has the value of Cache-Control.
//
// https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2
func lifetime(cacheControl string) time.Duration {
	kept, shared := defaultFileTTL, false
	for directive := range strings.SplitSeq(strings.ToLower(cacheControl), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache", "private":
			return 0
		case "s-maxage", "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil || shared && name == "max-age" {
				continue
			}
			kept, shared = min(time.Duration(seconds)*time.Second, spec.MaxCacheTTL), name == "s-maxage"
		}
	}
	return kept
}
