package waf

import (
	"errors"
	"fmt"
	"hash/maphash"
	"mime"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// What of a request is inspected, as on AWS before a load balancer. What is beyond passes.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
const (
	// maxBody is how many bytes of the body.
	maxBody = 8 << 10
	// maxHeaders and maxHeaderBytes are how many header fields, and how large in all.
	maxHeaders     = 200
	maxHeaderBytes = 8 << 10
	// maxCookies and maxCookieBytes are the same of cookies.
	maxCookies     = 200
	maxCookieBytes = 8 << 10
)

const (
	// inspectionTimeout is how long an inspection may take, its wait for a turn included. A
	// request without an answer by then could not be judged.
	inspectionTimeout = 5 * time.Second
	// lanes is into how many the clients are divided by their addresses. Each lane has as many
	// turns as there are processors, which bounds the memory of inspections; one client that has
	// the worst of requests inspected, at a third of a second each, holds up one lane.
	lanes = 4
)

// reasonTimeout is the access log's word for a firewall that took too long.
const reasonTimeout = "WAFResponseReadTimeout"

// engine inspects requests by the rules of managed groups.
type engine struct {
	names  []string
	groups []*managedGroup
	waf    coraza.WAF
	// timeout is inspectionTimeout.
	timeout time.Duration
	// seed chooses a client's lane, whose turns inspections take.
	seed  maphash.Seed
	lanes [lanes]chan struct{}
}

// finding is a rule that matched.
type finding struct {
	id    int
	score int
	name  string
	tags  []string
}

// content is what an inspection needs of a request, in memory of its own: one that takes too
// long goes on alone.
type content struct {
	uri, method, version string
	client, host         string
	headers              []header
	// contentType is the first that is looked into. typed says that there is one, ambiguous that
	// there are others: applications differ in which of them counts.
	contentType      string
	typed, ambiguous bool
	cookieBytes      int
	body             string
	// cut says that there may be more of the body, headersCut and cookiesCut that there is more
	// of these.
	cut, headersCut, cookiesCut bool
}

type header struct{ name, value string }

// inspect finds what is suspicious in a request, up to maxBody of its body included.
func (e *engine) inspect(q *query) ([]finding, error) {
	c := contentOf(q)
	if err := q.readBody(c); err != nil {
		return nil, err
	}
	q.oversize = c.oversize()
	lane := e.lanes[maphash.Comparable(e.seed, neighbourhood(q.client))%lanes]
	timeout := time.NewTimer(e.timeout)
	defer timeout.Stop()
	late := &fault{reason: reasonTimeout, cause: "the inspection took longer than " + e.timeout.String()}
	select {
	case lane <- struct{}{}:
	case <-timeout.C:
		return nil, late
	}
	type result struct {
		findings []finding
		err      error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{err: &fault{reason: reasonUnhandled, cause: fmt.Sprintf("the inspection panicked: %v", p)}}
			}
			<-lane
			done <- r
		}()
		r.findings, r.err = e.run(c)
	}()
	select {
	case r := <-done:
		return r.findings, r.err
	case <-timeout.C:
		return nil, late
	}
}

// neighbourhood is the addresses of whoever has this one.
func neighbourhood(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // these fit
	return p
}

// contentOf copies the head.
func contentOf(q *query) *content {
	r := &q.x.Request
	c := &content{
		method: string(r.Method), version: "HTTP/1.1", host: string(r.Host), client: q.client.String(),
	}
	switch r.Version {
	case exchange.HTTP2:
		c.version = "HTTP/2.0"
	case exchange.HTTP10, exchange.HTTP09:
		c.version = "HTTP/1.0"
	case exchange.HTTP11:
	}
	c.uri = string(r.Path)
	if r.HasQuery {
		c.uri += "?" + string(r.Query)
	}
	host := c.host
	if len(r.Port) > 0 {
		host += ":" + string(r.Port)
	}
	c.headers = append(c.headers, header{exchange.FieldHost.String(), host})
	bytes := 0
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case exchange.FieldHost:
			continue
		case exchange.FieldCookie:
			some := someCookies(f.Value, maxCookieBytes-c.cookieBytes)
			c.cookieBytes += len(f.Value)
			c.cookiesCut = c.cookiesCut || len(some) < len(f.Value)
			c.headers = append(c.headers, header{f.ID.String(), string(some)})
			continue
		case exchange.FieldContentType:
			if c.typed {
				c.ambiguous = c.ambiguous || string(f.Value) != c.contentType
			}
			if !c.typed || kindOf(c.contentType) == kindOther {
				c.contentType = string(f.Value)
			}
			c.typed = true
		default:
			if bytes += len(f.Name) + len(f.Value); bytes > maxHeaderBytes || len(c.headers) >= maxHeaders {
				c.headersCut = true
				continue
			}
		}
		c.headers = append(c.headers, header{string(f.Name), string(f.Value)})
	}
	return c
}

// oversize names what was cut, in the words of AWS's log.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html
func (c *content) oversize() []string {
	var list []string
	for _, part := range []struct {
		name string
		cut  bool
	}{{"REQUEST_BODY", c.cut}, {"REQUEST_HEADERS", c.headersCut}, {"REQUEST_COOKIES", c.cookiesCut}} {
		if part.cut {
			list = append(list, part.name)
		}
	}
	return list
}

// someCookies is the part of a Cookie field that is inspected.
func someCookies(value []byte, left int) []byte {
	value = value[:min(len(value), max(left, 0))]
	n := 0
	for i, c := range value {
		if c != ';' {
			continue
		}
		if n++; n == maxCookies {
			return value[:i]
		}
	}
	return value
}

// run evaluates the rules. A body that cannot be read as what it says to be is read as plain
// text, since the application may be less exacting.
func (e *engine) run(c *content) ([]finding, error) {
	findings, unread, err := e.evaluate(c, false)
	if err == nil && (unread || c.ambiguous && c.body != "") {
		var more []finding
		more, _, err = e.evaluate(c, true)
		findings = append(findings, more...)
	}
	return findings, err
}

// evaluate runs one transaction. unread says that the body was not what its type says.
func (e *engine) evaluate(c *content, asText bool) (found []finding, unread bool, err error) {
	tx := e.waf.NewTransactionWithID("-")
	defer func() {
		if closing := tx.Close(); err == nil && closing != nil {
			err = closing
		}
	}()
	state, ok := tx.(plugintypes.TransactionState)
	if !ok {
		return nil, false, &fault{reason: reasonUnhandled, cause: "the engine shows no variables"}
	}
	tx.ProcessConnection(c.client, 0, "", 0)
	tx.ProcessURI(c.uri, c.method, c.version)
	tx.SetServerName(c.host)
	for _, h := range c.headers {
		tx.AddRequestHeader(h.name, h.value)
	}
	state.Variables().TX().Set("cookie_size", []string{strconv.Itoa(c.cookieBytes)})
	tx.ProcessRequestHeaders()
	switch kind := kindOf(c.contentType); {
	case c.body == "":
	case asText || kind == kindText:
		tx.AddPostRequestArgument("body", c.body)
	case kind == kindMultipart:
		unread = addParts(tx, state.Variables(), c)
	case kind == kindParsed:
		if _, _, err := tx.WriteRequestBody([]byte(c.body)); err != nil {
			return nil, false, fmt.Errorf("inspect body: %w", err)
		}
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		return nil, false, fmt.Errorf("inspect body: %w", err)
	}
	if n := state.Variables().RequestBodyError().Get(); n != "" && n != "0" && !c.cut {
		unread = true
	}
	return findingsOf(tx), unread, nil
}

// Kinds of bodies.
const (
	// kindOther are not looked into: images, archives, gRPC.
	kindOther = iota
	// kindParsed are taken apart by the engine: forms, JSON, XML.
	kindParsed
	kindMultipart
	kindText
)

func kindOf(contentType string) int {
	media, _, err := mime.ParseMediaType(contentType)
	unclear := err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter)
	if unclear {
		media, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		media = strings.TrimSpace(media)
	}
	switch {
	case strings.HasPrefix(media, "multipart/"):
		return kindMultipart
	case media == "application/x-www-form-urlencoded", strings.HasSuffix(media, "json"), strings.HasSuffix(media, "xml"):
		return kindParsed
	case media == "", strings.HasPrefix(media, "text/"), unclear:
		return kindText // who knows what the application makes of it
	}
	return kindOther
}

// findingsOf are the rules that matched and score, each once.
func findingsOf(tx types.Transaction) []finding {
	var list []finding
	for _, m := range tx.MatchedRules() {
		r := m.Rule()
		score := scores[r.Severity()]
		if score == 0 {
			continue
		}
		f := finding{id: r.ID(), score: score, name: strconv.Itoa(r.ID()), tags: r.Tags()}
		if r.ID() < lastBadInput {
			f.name = m.Message()
		}
		list = append(list, f)
	}
	return list
}
