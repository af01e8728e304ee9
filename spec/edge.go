package spec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Edge is what stands before the load balancer: CloudFront and S3 on AWS, built into the
// container elsewhere.
type Edge struct {
	// Compression of answers.
	Compression Compression `yaml:"compression"`
	// Static serves folders of files without a target. Default: none.
	Static []Static `yaml:"static"`
	// Cache keeps answers of targets; the first path that matches decides. Default: none.
	Cache []CacheBehavior `yaml:"cache"`
	// ResponseHeaders are set on every answer, by the header's name in lower case with
	// underscores: x_xss_protection. For those that a listener can set, the listener is the
	// place. Default: none.
	ResponseHeaders map[string]string `yaml:"response_headers"`
	// ErrorPages are files to answer with in place of what a target or the load balancer says with
	// a status, by status: 400, 403, 404, 405, 414, 416, 500, 501, 502, 503 or 504. A path is
	// absolute, or starts at the environment file's folder; a file has at most 1 MiB. The
	// Content-Type is by the file's ending. Without a Cache-Control of the answer, nobody keeps the
	// page. Answers to gRPC calls stay as they are. On AWS a page is in the directory of a path of
	// static. nginx: error_page with proxy_intercept_errors. Default: none.
	//
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/GeneratingCustomErrorResponses.html
	ErrorPages map[string]string `yaml:"error_pages"`
}

// Limits of a CloudFront distribution.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
const (
	MaxCacheBehaviors = 75
	MaxPathPattern    = 255
	MaxCacheKey       = 10
	MaxCacheTTL       = 100 * 365 * 24 * time.Hour
	// CacheKeyAll stands for all cookies, or all of the query.
	CacheKeyAll = "*"
)

// How long the container may use an answer that is too old.
const (
	MaxStaleWhileRevalidate = 24 * time.Hour
	MaxStaleIfError         = 30 * 24 * time.Hour
)

// Sizes between which CloudFront compresses, in bytes.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
const (
	DefaultCompressionSize = 1000
	MaxCompressionSize     = 10_000_000
)

// MaxExpires is the longest Expires: ten years, which is nginx's max.
//
// https://nginx.org/en/docs/http/ngx_http_headers_module.html#expires
const MaxExpires = 10 * 365 * 24 * time.Hour

// MaxErrorPage bounds the file of an error page, which the container keeps in memory: 1 MiB.
const MaxErrorPage = 1 << 20

var (
	edgeHeaderShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
	edgePathShape = regexp.MustCompile(`^/[A-Za-z0-9_.*$/~"'@:+?&-]{0,254}$`)
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/creating-custom-error-pages.html
	errorPageCodes = []string{"400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"}
	mediaTypeShape = regexp.MustCompile(`^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$`)
	// fixedHeaders are those that whoever writes an answer decides on.
	fixedHeaders = []string{"connection", "content_encoding", "content_length", "content_type", "date", "keep_alive", "set_cookie", "trailer", "transfer_encoding", "upgrade"}
)

// Present tells whether the edge does anything, so that AWS needs CloudFront for it.
func (e *Edge) Present() bool {
	return e.Compression.Enabled || len(e.Static) > 0 || len(e.Cache) > 0 || len(e.ResponseHeaders) > 0 || len(e.ErrorPages) > 0
}

func (e *Edge) limits() limits {
	return limits{
		"static":           atMost(MaxCacheBehaviors),
		"cache":            atMost(MaxCacheBehaviors),
		"response_headers": each(both(like(valueShape, "visible ASCII and spaces inside"), length(MaxResponseHeader))),
		"error_pages":      each(like(fileShape, "a file")),
	}
}

func (e *Edge) check(c *checker, path string) {
	for _, name := range slices.Sorted(maps.Keys(e.ResponseHeaders)) {
		at := field(path, "response_headers."+name)
		switch {
		case !edgeHeaderShape.MatchString(name):
			c.refuse(at, "is no name of a header", quote(name), "lower-case letters, digits and underscores, such as x_xss_protection")
		case slices.Contains(keysOf(typeOf(&ResponseHeaders{})), name):
			c.refuse(at, "is set by listeners", quote(name), "response_headers of a listener")
		case slices.Contains(fixedHeaders, name):
			c.refuse(at, "is no header that can be set", quote(name), "another name")
		}
	}
	for _, status := range slices.Sorted(maps.Keys(e.ErrorPages)) {
		if !slices.Contains(errorPageCodes, status) {
			c.refuse(field(path, "error_pages."+status), "is no status that has an error page", quote(status), anyOf(errorPageCodes))
		}
	}
	paths := map[string]string{}
	for i, s := range e.Static {
		c.unique(paths, s.Path, field(element(field(path, "static"), i), "path"))
	}
	for i, b := range e.Cache {
		c.unique(paths, b.Path, field(element(field(path, "cache"), i), "path"))
	}
}

// Compression of answers: by zstd, Brotli or gzip in the container, by Brotli or gzip on AWS, as
// the client's Accept-Encoding asks. Answers of status 200, 403 and 404 are compressed, unless
// they are encoded, a part of something, or say no-transform. nginx: gzip on.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
type Compression struct {
	// Enabled turns it on. An answer that has a secret in it beside what a client sends can be
	// guessed by how well it is compressed (BREACH), if it goes by HTTPS. Default false.
	Enabled bool `yaml:"enabled"`
	// Types are the media types to compress. Default: those of text, scripts, JSON, XML, SVG
	// and fonts that are not compressed as they are. CloudFront has a list of its own, in
	// which all of these are.
	Types []string `yaml:"types"`
	// MinimumSize is the least to compress, in bytes: 0 to 10000000. The container compresses what
	// does not say its size, CloudFront does not. Default 1000, which is CloudFront's. nginx:
	// gzip_min_length.
	MinimumSize int `yaml:"minimum_size"`
	// Level is gzip's, 1 (fast) to 9 (small), in the container, and that of Brotli and zstd which
	// costs about as much. nginx: gzip_comp_level. Default 6.
	Level int `yaml:"level"`
}

func (p *Compression) setDefaults() {
	p.MinimumSize = DefaultCompressionSize
	p.Level = 6
	p.Types = []string{
		"text/html", "text/css", "text/plain", "text/xml", "text/javascript",
		"application/javascript", "application/json", "application/xml", "application/xml+rss",
		"application/atom+xml", "image/svg+xml", "font/ttf", "font/otf", "application/vnd.ms-fontobject",
	}
}

func (p *Compression) limits() limits {
	return limits{
		"types":        each(like(mediaTypeShape, "a media type such as text/css")),
		"minimum_size": between(0, MaxCompressionSize),
		"level":        between(1, 9),
	}
}

func (p *Compression) check(c *checker, path string) {
	if p.Enabled && len(p.Types) == 0 {
		c.refuse(field(path, "types"), "is empty", "", "at least one media type")
	}
	seen := map[string]string{}
	for i, t := range p.Types {
		c.unique(seen, t, element(field(path, "types"), i))
	}
}

// Static serves a folder of files: an S3 bucket behind CloudFront on AWS.
type Static struct {
	// Path of requests, with wildcards, such as /static/*.
	Path string `yaml:"path"`
	// Directory holds the files, named as in the path after the part before its wildcard; a path
	// without one is of the file that is named as its last part. The directory's path is absolute,
	// or starts at the environment file's folder. A folder has no index and no listing, as in S3.
	// What begins with a dot, or leads out of the directory by a link, is not there. Beside
	// site.css, site.css.br and site.css.gz go to clients that accept them. nginx: alias with
	// gzip_static.
	Directory string `yaml:"directory"`
	// CacheControl is the value of Cache-Control. Default: none, or what Expires asks for.
	CacheControl string `yaml:"cache_control"`
	// Expires is how long from an answer on it may be kept, from 1s to ten years of 365 days; 0s: not
	// said. The container says so in Expires; both runtimes say it in Cache-Control, as max-age,
	// unless CacheControl says something else. nginx: expires. Default 0s.
	Expires time.Duration `yaml:"expires"`
}

// complete derives Cache-Control from Expires, as nginx does.
func (s *Static) complete() {
	if s.Expires > 0 && s.CacheControl == "" {
		s.CacheControl = fmt.Sprintf("max-age=%d", int64(s.Expires/time.Second))
	}
}

func (s *Static) limits() limits {
	return limits{
		"path":          required(like(edgePathShape, edgePathWords)),
		"directory":     required(like(fileShape, "a folder")),
		"cache_control": like(valueShape, "visible ASCII and spaces inside"),
		"expires":       zeroOr("not said", seconds(time.Second, MaxExpires)),
	}
}

const edgePathWords = `a path pattern: a slash first, then at most 254 letters, digits and _ - . * $ / ~ " ' @ : + & ?`

// CacheBehavior keeps answers for a path.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
type CacheBehavior struct {
	// Path of requests, with wildcards, such as /api/catalog/*.
	Path string `yaml:"path"`
	// MinTTL is the least that an answer is kept, whatever it says itself. Default 0s.
	MinTTL time.Duration `yaml:"min_ttl"`
	// DefaultTTL is for answers that say nothing themselves. Default 0s.
	DefaultTTL time.Duration `yaml:"default_ttl"`
	// MaxTTL is the most that an answer is kept. Default: DefaultTTL, or 24h if that is less.
	MaxTTL time.Duration `yaml:"max_ttl"`
	// Key says what of a request beside host and path tells answers apart. The container sends a
	// target nothing of a GET or HEAD that is not in it, but for Accept, Accept-Language, Origin
	// and Authorization.
	Key CacheKey `yaml:"key"`
	// ProxyOnly is what no CloudFront distribution has.
	ProxyOnly CacheProxyOnly `yaml:"proxy_only"`
}

// CacheProxyOnly is what of caching only the container does.
type CacheProxyOnly struct {
	// StaleWhileRevalidate is for how long an answer that has become too old is still used while
	// the target is asked for another, when the answer does not say itself: 0s to 24h. Default 0s.
	//
	// nginx: proxy_cache_use_stale updating, proxy_cache_background_update.
	StaleWhileRevalidate time.Duration `yaml:"stale_while_revalidate"`
	// StaleIfError is the same for when the target cannot be asked or answers with 500, 502, 503
	// or 504: 0s to 30 days. Default 0s.
	//
	// nginx: proxy_cache_use_stale error timeout http_500 http_502 http_503 http_504.
	StaleIfError time.Duration `yaml:"stale_if_error"`
	// BypassOnCacheControl heeds Cache-Control of requests: no-cache, no-store and max-age ask the
	// target, only-if-cached never does. CloudFront heeds none. Default false.
	//
	// nginx: proxy_cache_bypass $http_cache_control.
	BypassOnCacheControl bool `yaml:"bypass_on_cache_control"`
}

func (p *CacheProxyOnly) limits() limits {
	return limits{
		"stale_while_revalidate": seconds(0, MaxStaleWhileRevalidate),
		"stale_if_error":         seconds(0, MaxStaleIfError),
	}
}

func (b *CacheBehavior) limits() limits {
	ttl := seconds(0, MaxCacheTTL)
	return limits{
		"path":        required(like(edgePathShape, edgePathWords)),
		"min_ttl":     ttl,
		"default_ttl": ttl,
		"max_ttl":     ttl,
	}
}

func (b *CacheBehavior) complete() {
	if b.MaxTTL == 0 {
		b.MaxTTL = max(b.DefaultTTL, 24*time.Hour)
	}
}

func (b *CacheBehavior) check(c *checker, path string) {
	if b.MinTTL > b.DefaultTTL {
		c.refuse(field(path, "min_ttl"), "is above default_ttl", showDuration(b.MinTTL), "at most "+showDuration(b.DefaultTTL))
	}
	if b.DefaultTTL > b.MaxTTL {
		c.refuse(field(path, "default_ttl"), "is above max_ttl", showDuration(b.DefaultTTL), "at most "+showDuration(b.MaxTTL))
	}
}

// CacheKey lists what tells answers apart.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-the-cache-key.html
type CacheKey struct {
	// Headers are names of request headers, in any case; at most ten. Default: none.
	Headers []string `yaml:"headers"`
	// Cookies are names of cookies; at most ten, or * alone for all. Default: none.
	Cookies []string `yaml:"cookies"`
	// Query are keys of the query string; at most ten, or * alone for all of it. Default: none.
	Query []string `yaml:"query"`
}

func (k *CacheKey) limits() limits {
	return limits{
		"headers": both(atMost(MaxCacheKey), each(like(headerShape, "the name of a header"))),
		"cookies": both(atMost(MaxCacheKey), each(like(cookieShape, "the name of a cookie"))),
		"query":   both(atMost(MaxCacheKey), each(both(that("visible ASCII", isVisible), length(MaxConditionValue)))),
	}
}

func (k *CacheKey) check(c *checker, path string) {
	for _, list := range []struct {
		key   string
		names []string
	}{{"cookies", k.Cookies}, {"query", k.Query}} {
		if at := slices.Index(list.names, CacheKeyAll); at >= 0 && len(list.names) > 1 {
			c.refuse(element(field(path, list.key), at), "stands for all and not beside others", quote(CacheKeyAll), "it alone, or only names")
		}
	}
	for i, h := range k.Headers {
		// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/request-and-response-behavior.html
		if slices.Contains([]string{"cookie", "connection", "range", "content-length"}, strings.ToLower(h)) {
			c.refuse(element(field(path, "headers"), i), "cannot tell answers apart", quote(h), "another header, or cookies")
		}
	}
}
