package cache_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// TestFreshness has one answer for each rule, and says for how many seconds it is used.
func TestFreshness(t *testing.T) {
	const never = -1
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, c := range []struct {
		rule   string
		status int
		head   string // DATE+n stands for a date n seconds from now
		b      spec.CacheBehavior
		want   int
	}{
		// RFC 9111, section 4.2.1
		{"s-maxage before max-age", 200, "Cache-Control: max-age=5, s-maxage=60", spec.CacheBehavior{}, 60},
		{"max-age before Expires", 200, "Cache-Control: max-age=60\nExpires: DATE+5\nDate: DATE+0", spec.CacheBehavior{}, 60},
		{"Expires less Date", 200, "Expires: DATE+60\nDate: DATE+0", spec.CacheBehavior{}, 60},
		{"Expires without Date", 200, "Expires: DATE+60", spec.CacheBehavior{}, 60},
		{"Expires: 0", 200, "Expires: 0", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"Expires in another form", 200, "Expires: tomorrow", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"two max-age", 200, "Cache-Control: max-age=60\nCache-Control: max-age=5", spec.CacheBehavior{}, 5},
		{"no number", 200, "Cache-Control: max-age=soon", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"a negative number", 200, "Cache-Control: max-age=-1", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"a number in quotes", 200, `Cache-Control: max-age="60"`, spec.CacheBehavior{}, 60},
		{"a number too large", 200, "Cache-Control: max-age=99999999999999999999999", spec.CacheBehavior{MaxTTL: time.Hour}, 3600},
		{"any case", 200, "cache-CONTROL: MAX-Age=60", spec.CacheBehavior{}, 60},
		// 4.2.3
		{"Age is taken off", 200, "Cache-Control: max-age=60\nAge: 20", spec.CacheBehavior{}, 40},
		{"and so is an old Date", 200, "Cache-Control: max-age=60\nDate: DATE-30", spec.CacheBehavior{}, 30},
		{"of both the larger", 200, "Cache-Control: max-age=60\nAge: 20\nDate: DATE-30", spec.CacheBehavior{}, 30},
		{"a Date to come is now", 200, "Cache-Control: max-age=60\nDate: DATE+500", spec.CacheBehavior{}, 60},
		{"too old when it comes", 200, "Cache-Control: max-age=60\nAge: 61", spec.CacheBehavior{}, never},
		// 5.2.2, and section 3
		{"nothing said", 200, "", spec.CacheBehavior{}, never},
		{"nothing said, with a default", 200, "", spec.CacheBehavior{DefaultTTL: time.Minute}, 60},
		{"no-store", 200, "Cache-Control: no-store, max-age=60", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"private", 200, "Cache-Control: private, max-age=60", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"no-cache", 200, "Cache-Control: no-cache, max-age=60", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"no-cache of a field", 200, `Cache-Control: no-cache="X-A", max-age=60`, spec.CacheBehavior{}, 60},
		{"private of no field is private", 200, `Cache-Control: private="", max-age=60`, spec.CacheBehavior{}, never},
		{"what cannot be read", 200, "Cache-Control: max-age=60; private", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"a quote without end", 200, `Cache-Control: max-age=60, no-cache="x`, spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"unknown directives", 200, `Cache-Control: immutable, x="a,no-store", max-age=60`, spec.CacheBehavior{}, 60},
		{"Set-Cookie", 200, "Set-Cookie: session=1\nCache-Control: public, max-age=60", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute}, never},
		{"Set-Cookie of stickiness", 200, "Set-Cookie: AWSALB=x; Path=/\nSet-Cookie: AWSALBTGCORS=x\nCache-Control: max-age=60", spec.CacheBehavior{}, 60},
		{"Set-Cookie that is not kept", 200, "Set-Cookie: session=1\nCache-Control: no-cache=\"Set-Cookie\", max-age=60", spec.CacheBehavior{}, 60},
		{"Vary: *", 200, "Vary: Accept, *\nCache-Control: max-age=60", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute}, never},
		{"Vary by too much", 200, "Vary: " + strings.Repeat("a, ", 9) + "\nCache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"for one origin", 200, "Access-Control-Allow-Origin: https://a.example\nCache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"for one origin, and says so", 200, "Access-Control-Allow-Origin: https://a.example\nVary: Origin\nCache-Control: max-age=60", spec.CacheBehavior{}, 60},
		{"for one origin, which is keyed", 200, "Access-Control-Allow-Origin: https://a.example\nCache-Control: max-age=60", spec.CacheBehavior{Key: spec.CacheKey{Headers: []string{"origin"}}}, 60},
		{"for any origin", 200, "Access-Control-Allow-Origin: *\nCache-Control: max-age=60", spec.CacheBehavior{}, 60},
		// CloudFront, Managing how long content stays in the cache
		{"min_ttl over max-age", 200, "Cache-Control: max-age=5", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute}, 60},
		{"min_ttl over Age", 200, "Cache-Control: max-age=80\nAge: 79", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute}, 60},
		{"min_ttl over no-store", 200, "Cache-Control: no-store", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Hour}, 60},
		{"min_ttl over private", 200, "Cache-Control: private", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Hour}, 60},
		{"max_ttl under max-age", 200, "Cache-Control: max-age=5000", spec.CacheBehavior{MaxTTL: time.Minute}, 60},
		{"max_ttl under Expires", 200, "Expires: DATE+5000", spec.CacheBehavior{MaxTTL: time.Minute}, 60},
		{"default_ttl is for silence alone", 200, "Cache-Control: max-age=5", spec.CacheBehavior{DefaultTTL: time.Minute}, 5},
		{"default_ttl is not for max-age=0", 200, "Cache-Control: max-age=0", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		// RFC 9110, section 15.1, and CloudFront, HTTP status codes that are cached
		{"203", 203, "", spec.CacheBehavior{DefaultTTL: time.Minute}, 60},
		{"204", 204, "", spec.CacheBehavior{DefaultTTL: time.Minute}, 60},
		{"301", 301, "Location: /", spec.CacheBehavior{DefaultTTL: time.Minute}, 60},
		{"308", 308, "Location: /", spec.CacheBehavior{DefaultTTL: time.Minute}, 60},
		{"302", 302, "Location: /", spec.CacheBehavior{DefaultTTL: time.Minute}, never},
		{"302 that says so", 302, "Location: /\nCache-Control: max-age=60", spec.CacheBehavior{}, 60},
		{"404", 404, "", spec.CacheBehavior{MinTTL: time.Minute, DefaultTTL: time.Minute}, never},
		{"404 that says so", 404, "Cache-Control: max-age=60", spec.CacheBehavior{}, 60},
		{"410 that says so", 410, "Cache-Control: max-age=60", spec.CacheBehavior{}, 60},
		{"206", 206, "Cache-Control: max-age=60\nContent-Range: bytes 0-1/9", spec.CacheBehavior{}, never},
		{"400", 400, "Cache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"403", 403, "Cache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"500", 500, "Cache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"503", 503, "Cache-Control: max-age=60", spec.CacheBehavior{}, never},
		{"a status that nobody knows", 299, "Cache-Control: max-age=60", spec.CacheBehavior{}, never},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				head := c.head
				for _, d := range []int{0, 5, 60, 500, 5000, -30} {
					mark := "DATE+"
					if d < 0 {
						mark = "DATE"
					}
					head = strings.ReplaceAll(head, mark+itoa(d)+"\n", at(time.Duration(d)*time.Second)+"\n")
					if before, ok := strings.CutSuffix(head, mark+itoa(d)); ok {
						head = before + at(time.Duration(d)*time.Second)
					}
				}
				body := "text"
				if c.status == 204 {
					body = ""
				}
				s := newSite(t, c.b, func(*seen) reply { return reply{status: c.status, head: head, body: body} })
				s.want(s.get("GET /"), "MISS", body)
				time.Sleep(10 * time.Millisecond)
				if c.want == never {
					s.want(s.get("GET /"), "MISS", body)
					return
				}
				s.want(s.get("GET /"), "HIT", body)
				time.Sleep(time.Duration(c.want-1) * time.Second)
				s.want(s.get("GET /"), "HIT", body)
				time.Sleep(time.Second)
				s.want(s.get("GET /"), "EXPIRED", body)
			})
		})
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
