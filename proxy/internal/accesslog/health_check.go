package accesslog

import (
	"strconv"
	"time"
)

// Values of HealthCheckRecord.Reason.
const (
	HealthCheckTimedOut             = "TimedOut"
	HealthCheckConnectionReset      = "ConnectionReset"
	HealthCheckResponseCodeMismatch = "ResponseCodeMismatch"
	HealthCheckInternalError        = "InternalError"
	// HealthCheckTargetError is a 5XX answer.
	HealthCheckTargetError          = "TargetError"
	HealthCheckGRPCStatusEmpty      = "GRPCStatusHeaderEmpty"
	HealthCheckGRPCUnexpectedStatus = "GRPCUnexpectedStatus"
)

// HealthCheckRecord is what the health-check log says of one check.
type HealthCheckRecord struct {
	// Type is http, https, h2 or grpc.
	Type string
	// Time is when the check began.
	Time    time.Time
	Latency time.Duration
	// Target is ip:port of what was checked.
	Target string
	// TargetGroup names the group.
	TargetGroup string
	Passed      bool
	// Status is the status code, or the gRPC status; negative when none came.
	Status int
	// Reason of a failure, one of the HealthCheck constants; empty for a pass.
	Reason string
}

// HealthCheck records one health check in the 8 fields of an ALB's health-check log entry.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-health-check-logs.html
func (l *Logger) HealthCheck(r *HealthCheckRecord) {
	if l == nil || l.healthChecks == nil {
		return
	}
	// There are few enough checks for one shard, and in it they stay in order.
	sh := l.healthChecks.begin(0)
	if sh == nil {
		return
	}
	sh.pending = r.appendLine(sh.pending, &sh.stamps)
	l.healthChecks.end(sh)
}

func (r *HealthCheckRecord) appendLine(b []byte, s *stamps) []byte {
	b = appendToken(b, r.Type)
	b = append(s.appendISO(b, r.Time), ' ')
	b = append(strconv.AppendFloat(b, max(r.Latency, 0).Seconds(), 'f', 9, 64), ' ')
	b = appendToken(b, r.Target)
	b = appendToken(b, r.TargetGroup)
	if r.Passed {
		b = append(b, "PASS "...)
	} else {
		b = append(b, "FAIL "...)
	}
	if r.Status < 0 {
		b = append(b, '-', ' ')
	} else {
		b = append(strconv.AppendInt(b, int64(r.Status), 10), ' ')
	}
	b = appendToken(b, r.Reason)
	b[len(b)-1] = '\n' // in place of the space after the last field
	return b
}
