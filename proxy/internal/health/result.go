package health

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/target"
	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// Failure says in what way a check failed.
type Failure uint8

// The ways in which a check fails.
const (
	// Passed: it did not.
	Passed Failure = iota
	// TimedOut: no answer within the timeout.
	TimedOut
	// ConnectionReset: the target refused, closed or reset the connection.
	ConnectionReset
	// ResponseCodeMismatch: the matcher does not have the status code.
	ResponseCodeMismatch
	// TargetError: the same with a status of 5xx.
	TargetError
	// GRPCStatusEmpty: an answer without grpc-status.
	GRPCStatusEmpty
	// GRPCUnexpectedStatus: the matcher does not have the gRPC status.
	GRPCUnexpectedStatus
	// InternalError: anything else, an answer that is no HTTP for one.
	InternalError
)

// noStatus is Result.Status when none came.
const noStatus = -1

// Result is one health check.
type Result struct {
	TargetGroup string
	// Address is ip:port of what was checked, which a health check's own port may set.
	Address string
	// Type is the health-check log's: http, https, h2 or grpc.
	Type    string
	Began   time.Time
	Latency time.Duration
	Failure Failure
	// Status is the status code or the gRPC status; -1 when none came.
	Status int
}

// outcome is what the check says of the target.
func (r *Result) outcome() target.Outcome {
	o := target.Outcome{Check: telemetry.Check{
		Time: r.Began, Took: float64(r.Latency.Round(time.Microsecond)) / float64(time.Millisecond), Status: r.Status,
	}}
	switch r.Failure {
	case Passed:
		o.Passed = true
	case TimedOut:
		o.Reason, o.Description, o.Check.Failure = targethealth.ReasonTimeout, "Request timed out", telemetry.CheckTimedOut
	case ResponseCodeMismatch, TargetError, GRPCUnexpectedStatus:
		o.Reason, o.Description, o.Check.Failure = targethealth.ReasonResponseCodeMismatch, target.MismatchDescription(r.Status), telemetry.CheckMismatch
	default:
		o.Reason, o.Description, o.Check.Failure = targethealth.ReasonFailedHealthChecks, "Health checks failed", telemetry.CheckInvalid
		if r.Failure == ConnectionReset {
			o.Check.Failure = telemetry.CheckDisconnected
		}
	}
	return o
}

// failureOf classifies an error on the way to a target and back.
func failureOf(ctx context.Context, err error) Failure {
	var ne net.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &ne) && ne.Timeout():
		return TimedOut
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPIPE):
		return ConnectionReset
	}
	return InternalError
}
