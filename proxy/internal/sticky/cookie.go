package sticky

import (
	"bytes"
	"time"
)

// The names of the load balancer's cookies. Those with CORS are copies that browsers send
// along with requests from other sites' pages.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
const (
	// NameLB and NameLBCORS name the target, with stickiness of type lb_cookie.
	NameLB     = "AWSALB"
	NameLBCORS = "AWSALBCORS"
	// NameApp names the target, with stickiness of type app_cookie. An ALB cuts what does not
	// fit one cookie into AWSALBAPP-0 to AWSALBAPP-3; ours fits.
	NameApp = "AWSALBAPP-0"
	// NameTG and NameTGCORS name the target group, with stickiness of a forward action.
	NameTG     = "AWSALBTG"
	NameTGCORS = "AWSALBTGCORS"
)

// names of the cookies with tokens of this kind, and of their copies for requests from other sites.
func (k Kind) names() (same, cross string) {
	switch k {
	case LBCookie:
		return NameLB, NameLBCORS
	case TargetGroup:
		return NameTG, NameTGCORS
	default:
		return NameApp, NameApp // marked as such where the browser knows how
	}
}

// cookieAge is when the load balancer's cookies expire. It is the same whatever duration is
// configured: that one is counted by the load balancer, from when the token was issued.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
const cookieAge = 7 * 24 * time.Hour

// imfFixdate is how cookies and other fields write a time, which is in UTC.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// Find returns the value of the first cookie of that name in cookie, the value of a Cookie
// field such as "a=1; b=2". Names are told apart by case; quotes are part of a value.
//
// https://www.rfc-editor.org/rfc/rfc6265#section-4.2
func Find(cookie []byte, name string) ([]byte, bool) {
	for len(cookie) > 0 {
		pair := cookie
		if end := bytes.IndexByte(cookie, ';'); end >= 0 {
			pair, cookie = cookie[:end], cookie[end+1:]
		} else {
			cookie = nil
		}
		if value, ok := valueOf(pair, name); ok {
			return value, true
		}
	}
	return nil, false
}

// Sets reports whether setCookie, the value of a Set-Cookie field, sets the cookie of that
// name, be it only to delete it.
//
// https://www.rfc-editor.org/rfc/rfc6265#section-5.2
func Sets(setCookie []byte, name string) bool {
	if end := bytes.IndexByte(setCookie, ';'); end >= 0 {
		setCookie = setCookie[:end]
	}
	_, ok := valueOf(setCookie, name)
	return ok
}

// valueOf is the value of "name=value", without the blanks around either.
func valueOf(pair []byte, name string) ([]byte, bool) {
	for len(pair) > 0 && blank(pair[0]) {
		pair = pair[1:]
	}
	if len(pair) <= len(name) || string(pair[:len(name)]) != name {
		return nil, false
	}
	pair = pair[len(name):]
	for len(pair) > 0 && blank(pair[0]) {
		pair = pair[1:]
	}
	if len(pair) == 0 || pair[0] != '=' {
		return nil, false
	}
	value := pair[1:]
	for len(value) > 0 && blank(value[0]) {
		value = value[1:]
	}
	for len(value) > 0 && blank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value, true
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// AppendCookie appends the value of a Set-Cookie field for the token text, as an ALB writes
// it: expiring 7 days after now, for all paths, without Domain, Max-Age and HttpOnly.
// crossSite is for the copies with CORS in their name, and secure says that the client came
// by HTTPS; a browser takes a cross-site cookie only with both.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
func AppendCookie(dst []byte, name string, text []byte, now time.Time, crossSite, secure bool) []byte {
	dst = append(dst, name...)
	dst = append(dst, '=')
	dst = append(dst, text...)
	dst = append(dst, "; Expires="...)
	dst = now.Add(cookieAge).UTC().AppendFormat(dst, imfFixdate)
	dst = append(dst, "; Path=/"...)
	if crossSite {
		dst = append(dst, "; SameSite=None"...)
		if secure {
			dst = append(dst, "; Secure"...)
		}
	}
	return dst
}
