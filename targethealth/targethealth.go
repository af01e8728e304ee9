// Package targethealth holds ALB's words for the health of a target: states and
// reason codes, as DescribeTargetHealth returns them. Proxy and Lambdas share it.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
package targethealth

// State of a target in its target group.
type State string

// The states of an instance or IP target.
const (
	Initial     State = "initial"
	Healthy     State = "healthy"
	Unhealthy   State = "unhealthy"
	Draining    State = "draining"
	Unused      State = "unused"
	Unavailable State = "unavailable"
)

// Reason says why a target is not healthy; empty when it is.
type Reason string

// Reason codes.
const (
	ReasonRegistrationInProgress   Reason = "Elb.RegistrationInProgress"
	ReasonInitialHealthChecking    Reason = "Elb.InitialHealthChecking"
	ReasonInternalError            Reason = "Elb.InternalError"
	ReasonResponseCodeMismatch     Reason = "Target.ResponseCodeMismatch"
	ReasonTimeout                  Reason = "Target.Timeout"
	ReasonFailedHealthChecks       Reason = "Target.FailedHealthChecks"
	ReasonNotRegistered            Reason = "Target.NotRegistered"
	ReasonNotInUse                 Reason = "Target.NotInUse"
	ReasonInvalidState             Reason = "Target.InvalidState"
	ReasonIPUnusable               Reason = "Target.IpUnusable"
	ReasonDeregistrationInProgress Reason = "Target.DeregistrationInProgress"
	ReasonHealthCheckDisabled      Reason = "Target.HealthCheckDisabled"
)
