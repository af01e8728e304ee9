package waf

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// rateLimit matches requests of who has sent more than the limit in the window that ends
// now. It counts a request before it compares, and those that it blocks too: whoever goes
// on at full speed stays out.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html
type rateLimit struct {
	spec   spec.RateLimit
	limit  uint64
	key    keyOf
	prefix []byte // decoded; empty for every path
	meter  meter
}

// keyOf returns what of a request tells senders apart; ok is false for one that does not
// have it, which is neither counted nor limited.
type keyOf func(q *query) (key []byte, ok bool)

// meter counts requests by key.
type meter interface {
	// add counts one request and returns the estimate of those in the window that ends now.
	add(key []byte, now time.Time) uint64
}

// newRateLimit goes on counting where before left off, unless that was another limit.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-caveats.html
func newRateLimit(l *spec.RateLimit, before *rateLimit, store *Store) *rateLimit {
	r := &rateLimit{spec: *l, limit: uint64(l.Limit)}
	kind, name, _ := strings.Cut(l.Key, ":")
	switch kind {
	case "ip":
		r.key = clientKey
	case "forwarded_ip":
		r.key = forwardedKey
	case "header":
		r.key = headerKey(name)
	case "cookie":
		r.key = cookieKey(name)
	case "query_argument":
		r.key = argumentKey(name)
	default: // all
		r.key = func(*query) ([]byte, bool) { return nil, true }
	}
	if l.Path != "" {
		prefix, err := url.PathUnescape(l.Path)
		if err != nil {
			prefix = l.Path
		}
		r.prefix = []byte(prefix)
	}
	switch {
	case before != nil && r.counts(before):
		r.meter = before.meter
		return r
	case kind == "all":
		r.meter = newTotal(l.Window)
	default:
		r.meter = newTable(l.Window)
	}
	if store != nil {
		// What is another limit counts anew, in Redis too.
		r.meter = newSharedMeter(r.meter, store, fmt.Sprintf("%s %d %s %q %q", l.Name, l.Limit, l.Window, l.Key, l.Path), l.Window)
	}
	return r
}

// counts reports whether r counts what o does, so that its counts are r's.
func (r *rateLimit) counts(o *rateLimit) bool {
	return r.spec.Limit == o.spec.Limit && r.spec.Window == o.spec.Window && r.spec.Key == o.spec.Key && r.spec.Path == o.spec.Path
}

func (r *rateLimit) match(q *query) (bool, error) {
	if len(r.prefix) > 0 && !bytes.HasPrefix(q.normalPath(), r.prefix) {
		return false, nil
	}
	key, ok := r.key(q)
	if !ok {
		return false, nil
	}
	return r.meter.add(key, q.x.Record.Created) > r.limit, nil
}

// retryAfter is what a client that gets 429 waits for at most: the window.
func retryAfter(l *spec.RateLimit) []byte {
	if l.Status != statusTooManyRequests {
		return nil
	}
	return strconv.AppendInt(nil, int64(l.Window/time.Second), 10)
}

const statusTooManyRequests = 429

// clientKey is the client's whole address, of IPv6 too: AWS WAF documents no shorter one.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-aggregation-options.html
func clientKey(q *query) ([]byte, bool) {
	return addressKey(q, q.client)
}

func addressKey(q *query, a netip.Addr) ([]byte, bool) {
	q.key = a.Unmap().WithZone("").AppendTo(q.key[:0])
	return q.key, true
}

// maxForwarded is the longest text of an address.
const maxForwarded = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// forwardedKey is the first address of X-Forwarded-For. What is no address there is not
// limited, as on AWS: see FallbackBehavior NO_MATCH of the web ACL.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-forwarded-ip-address.html
func forwardedKey(q *query) ([]byte, bool) {
	value, ok := q.x.Request.Lookup(exchange.FieldXForwardedFor)
	if !ok {
		return nil, false
	}
	first, _, _ := bytes.Cut(value, comma)
	if first = bytes.Trim(first, " \t"); len(first) > maxForwarded {
		return nil, false
	}
	a, err := netip.ParseAddr(string(first))
	if err != nil {
		return nil, false
	}
	return addressKey(q, a)
}

// headerKey is the value of the first field of that name.
func headerKey(name string) keyOf {
	if strings.EqualFold(name, exchange.FieldHost.String()) {
		return func(q *query) ([]byte, bool) { return q.x.Request.Host, len(q.x.Request.Host) > 0 }
	}
	return func(q *query) ([]byte, bool) {
		for i := range q.x.Request.Fields {
			if f := &q.x.Request.Fields[i]; exchange.EqualFold(f.Name, name) {
				return f.Value, true
			}
		}
		return nil, false
	}
}

var (
	comma     = []byte{','}
	semicolon = []byte{';'}
	ampersand = []byte{'&'}
	equals    = []byte{'='}
)

// cookieKey is the value of the first cookie of that name, in whichever Cookie field.
func cookieKey(name string) keyOf {
	return func(q *query) ([]byte, bool) {
		for i := range q.x.Request.Fields {
			f := &q.x.Request.Fields[i]
			if f.ID != exchange.FieldCookie {
				continue
			}
			for rest, more := f.Value, true; more; {
				var pair []byte
				pair, rest, more = bytes.Cut(rest, semicolon)
				key, value, _ := bytes.Cut(pair, equals)
				if string(bytes.Trim(key, " \t")) == name {
					return bytes.Trim(value, " \t"), true
				}
			}
		}
		return nil, false
	}
}

// argumentKey is the value of the first query argument of that name, as it was sent. The
// name's case does not matter.
//
// https://docs.aws.amazon.com/waf/latest/APIReference/API_SingleQueryArgument.html
func argumentKey(name string) keyOf {
	return func(q *query) ([]byte, bool) {
		if len(q.x.Request.Query) == 0 {
			return nil, false
		}
		for rest, more := q.x.Request.Query, true; more; {
			var pair []byte
			pair, rest, more = bytes.Cut(rest, ampersand)
			if key, value, _ := bytes.Cut(pair, equals); exchange.EqualFold(key, name) {
				return value, true
			}
		}
		return nil, false
	}
}
