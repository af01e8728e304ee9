// Package edge is what CloudFront and S3 are to an Application Load Balancer on AWS: it
// decorates the client of every exchange, so that each answer, the load balancer's own
// among them, passes through it, and it answers requests for some paths in place of the
// forward action.
//
// Rules come first: a redirect or a fixed response is none of the edge's. Of a request that
// a rule forwards, the first path pattern decides that matches the canonical path as the
// client sent it, before any transform: those of edge.static in the file's order, then
// those of edge.cache. CloudFront takes its behaviours in the same order.
//
// An answer passes, from the target to the client: what the path's behaviour does with it,
// error pages, response headers, compression, the client.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
package edge

import (
	"github.com/evenkeel/evenkeel/proxy/internal/cache"
	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

// Site is the edge of one environment: an immutable value that a reload replaces whole.
type Site struct {
	behaviors []*Behavior
	headers   []header
	// pages and compression are nil for none.
	pages       *errorPages
	compression *compression
}

// Behavior is what the edge does with the requests for a path.
type Behavior struct {
	pattern routing.Pattern
	handler handler
}

// handler answers requests in place of the forward action, or by it. It returns the status
// of the answer that the load balancer has to make itself, or 0 when the client has one.
type handler interface {
	Serve(x *exchange.Exchange, o *exchange.Origin) int
}

// New compiles the edge of env, with the files that it names, whose paths start at dir. It is
// nil when there is none. The error is spec.Problems.
//
// Answers of edge.cache are kept in kept.
func New(env *spec.Environment, dir string, kept *cache.Cache) (*Site, error) {
	if !env.Edge.Present() {
		return nil, nil
	}
	c := compiler{dir: dir, kept: kept}
	site := c.compile(&env.Edge)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return site, nil
}

// compile makes a Site of what is good.
func (c *compiler) compile(e *spec.Edge) *Site {
	return &Site{
		behaviors:   append(c.statics(e.Static), c.caches(e.Cache)...),
		headers:     headersOf(e.ResponseHeaders),
		pages:       c.errorPages(e.ErrorPages),
		compression: compressionOf(&e.Compression),
	}
}

// Match returns what is done with requests for path; nil when they are forwarded.
func (s *Site) Match(path []byte) *Behavior {
	for _, b := range s.behaviors {
		if b.pattern.Match(path) {
			return b
		}
	}
	return nil
}

// Serve answers the request of x, whose rule forwards it. It returns the status of the answer
// that the load balancer has to make itself, or 0 when the client has one.
func (b *Behavior) Serve(x *exchange.Exchange, o *exchange.Origin) int {
	return b.handler.Serve(x, o)
}
