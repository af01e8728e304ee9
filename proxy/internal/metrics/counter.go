package metrics

import "github.com/evenkeel/evenkeel/spec"

// counter is the place of a load-balancer counter in its shard.
type counter uint8

const (
	exchanges counter = iota
	processedBytes
	ruleEvaluations
	newConnections
	closedConnections
	newTargetConnections
	rejectedConnections
	clientTLSErrors
	proxyHeaderErrors
	elb3XX
	elb4XX
	elb5XX
	elb500
	elb502
	elb503
	elb504
	fixedResponses
	redirects
	redirectsTooLong
	nonSticky
	nonStickyApp
	nonCompliant
	droppedInvalid
	forwardedInvalid
	grpcRequests
	ipv6Requests
	ipv6Bytes
	counterCount
)

// counterMetrics are the metrics that one counter each makes up. The connection counters
// are added together by the collector.
var counterMetrics = map[counter]*spec.Metric{
	exchanges:           &spec.MetricRequests,
	processedBytes:      &spec.MetricProcessedBytes,
	ruleEvaluations:     &spec.MetricRuleEvaluations,
	rejectedConnections: &spec.MetricRejectedConnectionCount,
	clientTLSErrors:     &spec.MetricClientTLSNegotiationErrorCount,
	proxyHeaderErrors:   &spec.MetricProxyProtocolErrors,
	elb3XX:              &spec.MetricHTTPCodeELB3XX,
	elb4XX:              &spec.MetricHTTPCodeELB4XX,
	elb5XX:              &spec.MetricHTTPCodeELB5XX,
	elb500:              &spec.MetricHTTPCodeELB500,
	elb502:              &spec.MetricHTTPCodeELB502,
	elb503:              &spec.MetricHTTPCodeELB503,
	elb504:              &spec.MetricHTTPCodeELB504,
	fixedResponses:      &spec.MetricHTTPFixedResponseCount,
	redirects:           &spec.MetricHTTPRedirectCount,
	redirectsTooLong:    &spec.MetricHTTPRedirectURLLimitExceededCount,
	nonSticky:           &spec.MetricNonStickyRequestCount,
	nonStickyApp:        &spec.MetricAppCookieNonStickinessCount,
	nonCompliant:        &spec.MetricDesyncNonCompliantRequestCount,
	droppedInvalid:      &spec.MetricDroppedInvalidHeaderRequestCount,
	forwardedInvalid:    &spec.MetricForwardedInvalidHeaderRequestCount,
	grpcRequests:        &spec.MetricGrpcRequestCount,
	ipv6Requests:        &spec.MetricIPv6RequestCount,
	ipv6Bytes:           &spec.MetricIPv6ProcessedBytes,
}

// groupCounter is the place of a target-group counter in its shard.
type groupCounter uint8

const (
	requests groupCounter = iota
	target2XX
	target3XX
	target4XX
	target5XX
	targetConnectionErrors
	targetTLSErrors
	failOpenRequests
	groupCounterCount
)

var groupCounterMetrics = [groupCounterCount]*spec.Metric{
	requests:               &spec.MetricRequestCount,
	target2XX:              &spec.MetricHTTPCodeTarget2XX,
	target3XX:              &spec.MetricHTTPCodeTarget3XX,
	target4XX:              &spec.MetricHTTPCodeTarget4XX,
	target5XX:              &spec.MetricHTTPCodeTarget5XX,
	targetConnectionErrors: &spec.MetricTargetConnectionErrorCount,
	targetTLSErrors:        &spec.MetricTargetTLSNegotiationErrorCount,
	failOpenRequests:       &spec.MetricUnhealthyRoutingRequestCount,
}
