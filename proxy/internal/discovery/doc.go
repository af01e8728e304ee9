// Package discovery finds targets by DNS and keeps looking: the addresses of a name (A and
// AAAA), or the hosts and ports of a service (SRV, RFC 2782).
//
// A [Runner] has one goroutine for each target group that wants it. What an answer means is
// decided by pure functions in targets.go and pause.go, what may be believed of one in
// answer.go. No answer, and one that says there is nothing, leave everything as it is: DNS
// that is down must not take targets out.
package discovery
