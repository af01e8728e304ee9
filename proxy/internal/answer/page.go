package answer

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// page is an error or redirect page in the two versions in which it is sent.
type page struct {
	short, padded version
}

// version is a body with its length in digits.
type version struct {
	body, length []byte
}

// padding makes a page long enough for MSIE and Chrome to show it in place of their own.
var padding = strings.Repeat("<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n", 6)

// titles are what pages are called; where they differ from the reason phrase of the status
// line, nginx differs too.
var titles = map[int]string{
	301: "Moved Permanently",
	302: "Found",
	400: "Bad Request",
	401: "Authorization Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Not Allowed",
	408: "Request Time-out",
	413: "Request Entity Too Large",
	414: "Request-URI Too Large",
	429: "Too Many Requests",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
	505: "HTTP Version Not Supported",
	507: "Insufficient Storage",
}

const plainHTTPTitle = "The plain HTTP request was sent to HTTPS port"

// pages are indexed by status; plainHTTP is a second page of 400.
var (
	pages = func() (t [600]*page) {
		for status, title := range titles {
			heading := strconv.Itoa(status) + " " + title
			t[status] = newPage(heading, heading, "")
		}
		return t
	}()
	plainHTTP = newPage("400 "+plainHTTPTitle, "400 Bad Request", "<center>"+plainHTTPTitle+"</center>\r\n")
)

func newPage(title, heading, more string) *page {
	html := "<html>\r\n<head><title>" + title + "</title></head>\r\n" +
		"<body>\r\n<center><h1>" + heading + "</h1></center>\r\n" + more +
		"</body>\r\n</html>\r\n"
	return &page{short: newVersion(html), padded: newVersion(html + padding)}
}

func newVersion(html string) version {
	return version{body: []byte(html), length: strconv.AppendInt(nil, int64(len(html)), 10)}
}

// pageOf returns nil for a status without a page.
func pageOf(status int) *page {
	if status < 0 || status >= len(pages) {
		return nil
	}
	return pages[status]
}

// forClient returns the version that nginx's msie_padding would send.
func (p *page) forClient(r *exchange.Request) *version {
	if r.Version >= exchange.HTTP10 && wantsPadding(r) {
		return &p.padded
	}
	return &p.short
}

var (
	msie   = []byte("MSIE ")
	opera  = []byte("Opera")
	gecko  = []byte("Gecko/")
	chrome = []byte("Chrome/")
)

// wantsPadding reports whether the client is MSIE or Chrome, by the words that nginx looks
// for in User-Agent.
//
// https://github.com/nginx/nginx/blob/master/src/http/ngx_http_request.c ngx_http_process_user_agent
func wantsPadding(r *exchange.Request) bool {
	agent, ok := r.Lookup(exchange.FieldUserAgent)
	if !ok || bytes.Contains(agent, opera) {
		return false
	}
	// The version has to follow: three characters at least.
	if i := bytes.Index(agent, msie); i >= 0 && i+len(msie)+2 < len(agent) {
		return true
	}
	return !bytes.Contains(agent, gecko) && bytes.Contains(agent, chrome)
}
