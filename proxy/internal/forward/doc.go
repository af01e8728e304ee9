// Package forward takes one request through its life and is read in that order:
//
//  1. judge: desync tier, framing, header hygiene, canonical host and path (judge.go).
//  2. guard: the firewall, if there is one (guard.go).
//  3. match: the listener's rules by priority, then the rule's transforms (forward.go).
//  4. act: redirect, fixed response, or forward, in place of which the edge may answer
//     (forward.go). It decorates the client for all of an exchange.
//  5. pick: the target group by weight or cookie, the target by cookie or algorithm
//     (pick.go).
//  6. send: the head with the fields an ALB adds (request.go), the body beside it
//     (body.go), over HTTP/1 (http1.go) or HTTP/2 (http2.go).
//  7. answer: the target's head as an ALB passes it on (response.go) and its body as it
//     comes; a 101 becomes a tunnel (tunnel.go), whose bytes a pipe and a lane move. What went
//     wrong becomes a status in one table (errors.go).
//  8. account: counters and the access-log line, after the last byte (forward.go).
//
// A request is sent once, as by an ALB, unless its target group has retries (retry.go).
package forward
