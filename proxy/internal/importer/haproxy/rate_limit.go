package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
	"github.com/evenkeel/evenkeel/spec"
)

// rateLimit is a deny of who sends too much, by a counter of a stick-table.
func (c *converter) rateLimit(s *section, d *directive, list [][]literal, rest []string) ([]item, bool) {
	if len(list) != 1 || len(list[0]) != 1 || list[0][0].not {
		return nil, false
	}
	l := list[0][0]
	words := l.words
	var acl *directive
	if l.acl != "" && len(s.acls[l.acl]) == 1 {
		acl = s.acls[l.acl][0]
		words = acl.Args[1:]
	}
	if len(words) != 3 || words[1] != "gt" && words[1] != "ge" || !rateSample.MatchString(words[0]) {
		return nil, false
	}
	limit, err := strconv.Atoi(words[2])
	table, period := c.rateTable(s)
	if err != nil || table == nil || limit < 0 || limit > spec.MaxRateLimit/600 {
		d.NotMapped("counts by a table that cannot be read: write waf.rate_limits")
		return []item{}, true
	}
	if words[1] == "ge" {
		limit--
	}
	r := spec.Default[spec.RateLimit]()
	r.Name = importer.Name(s.Arg(0), "rate")
	r.Window, r.Status = 60*time.Second, 403
	if d.Name == "http-request tarpit" {
		r.Status = 500
	}
	for i, word := range rest {
		if n, err := strconv.Atoi(argument(rest, i+1)); (word == "deny_status" || word == "status") && err == nil && n >= 400 && n <= 599 {
			r.Status = n
		}
	}
	r.Limit = max(limit*int(r.Window/time.Second)/max(1, int(period/time.Second)), spec.MinRateLimit)
	for _, from := range []*directive{d, table, acl} {
		if from == nil {
			continue
		}
		c.draft.Note(fmt.Sprintf("waf.rate_limits[%d]", len(c.draft.Env.WAF.RateLimits)), from)
		if period == r.Window {
			from.Maps(keyRates)
		} else {
			from.Differs(keyRates, "is counted over 60s, as many requests in all")
		}
	}
	if !slices.ContainsFunc(c.draft.Env.WAF.RateLimits, func(o spec.RateLimit) bool { return o.Name == r.Name }) {
		c.draft.Env.WAF.RateLimits = append(c.draft.Env.WAF.RateLimits, r)
	}
	return []item{}, true
}

var rateSample = regexp.MustCompile(`^(sc[0-2]?_http_req_rate(\([0-9](,[^)]*)?\))?|src_http_req_rate(\([^)]*\))?)$`)

// rateTable is the stick-table in which a section counts requests, and over what time.
func (c *converter) rateTable(s *section) (*directive, time.Duration) {
	table := c.tables[s.Arg(0)]
	for _, d := range s.own("http-request track-sc0", "http-request track-sc1", "http-request track-sc2") {
		if d.Arg(0) != "src" {
			return nil, 0
		}
		for i, word := range d.Args {
			if word == "table" {
				table = c.tables[d.Arg(i+1)]
			}
		}
	}
	if table == nil {
		return nil, 0
	}
	for _, word := range table.Args {
		for w := range strings.SplitSeq(word, ",") {
			if inner, ok := strings.CutPrefix(w, "http_req_rate("); ok {
				t, ok := duration(strings.TrimSuffix(inner, ")"))
				if ok && t >= time.Second {
					return table, t
				}
			}
		}
	}
	return nil, 0
}
