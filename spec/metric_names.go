package spec

// MetricKind is the Prometheus type of a metric.
type MetricKind uint8

// The kinds of Metric.
const (
	MetricCounter MetricKind = iota
	MetricGauge
	MetricHistogram
)

// Dimension is a CloudWatch dimension and the Prometheus label of the same meaning.
type Dimension struct {
	CloudWatch string
	Prometheus string
}

// The dimensions of the metrics. The label target_group holds the group's name from the
// environment file: an ARN's id differs from one account to the next, the name does not.
var (
	DimensionLoadBalancer     = Dimension{"LoadBalancer", "load_balancer"}
	DimensionTargetGroup      = Dimension{"TargetGroup", "target_group"}
	DimensionAvailabilityZone = Dimension{"AvailabilityZone", "availability_zone"}
	// DimensionTarget is a target's address; CloudWatch has none.
	DimensionTarget = Dimension{"", "target"}
)

// LabelResult is the label of what the container counts by how it ended, with its values.
const (
	LabelResult   = "result"
	ResultSuccess = "success"
	ResultFailure = "failure"
)

// MetricNamespace is the CloudWatch namespace of the metrics that an ALB has.
const MetricNamespace = "AWS/ApplicationELB"

// Metric is one measure under both of its names. What the two runtimes report under them
// means the same, so that one alarm threshold serves both.
type Metric struct {
	// CloudWatch is the name in MetricNamespace; empty for what only the container has.
	CloudWatch string
	// Prometheus is the name on the admin listener: alb_ and the CloudWatch name in snake
	// case, with _total after a counter and the unit after a time.
	Prometheus string
	Kind       MetricKind
	// PerTargetGroup says that the metric also has the dimensions TargetGroup and
	// AvailabilityZone; all have LoadBalancer.
	PerTargetGroup bool
	// Help says what is measured, as a sentence for dashboards.
	Help string
}

// Metrics of the load balancer as a whole.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
var (
	MetricActiveConnectionCount = Metric{
		"ActiveConnectionCount", "alb_active_connection_count", MetricGauge, false,
		"Open connections from clients and to targets.",
	}
	MetricNewConnectionCount = Metric{
		"NewConnectionCount", "alb_new_connection_count_total", MetricCounter, false,
		"Connections opened from clients and to targets.",
	}
	MetricRejectedConnectionCount = Metric{
		"RejectedConnectionCount", "alb_rejected_connection_count_total", MetricCounter, false,
		"Connections refused because the maximum was open.",
	}
	MetricProcessedBytes = Metric{
		"ProcessedBytes", "alb_processed_bytes_total", MetricCounter, false,
		"Bytes of heads and bodies received from and sent to clients.",
	}
	MetricRuleEvaluations = Metric{
		"RuleEvaluations", "alb_rule_evaluations_total", MetricCounter, false,
		"Rules evaluated, default rules not counted.",
	}
	MetricHTTPCodeELB3XX = Metric{
		"HTTPCode_ELB_3XX_Count", "alb_http_code_elb_3xx_count_total", MetricCounter, false,
		"Answers with a 3XX status made by the load balancer.",
	}
	MetricHTTPCodeELB4XX = Metric{
		"HTTPCode_ELB_4XX_Count", "alb_http_code_elb_4xx_count_total", MetricCounter, false,
		"Answers with a 4XX status made by the load balancer, 460 included.",
	}
	MetricHTTPCodeELB5XX = Metric{
		"HTTPCode_ELB_5XX_Count", "alb_http_code_elb_5xx_count_total", MetricCounter, false,
		"Answers with a 5XX status made by the load balancer.",
	}
	MetricHTTPCodeELB500 = Metric{
		"HTTPCode_ELB_500_Count", "alb_http_code_elb_500_count_total", MetricCounter, false,
		"Answers with status 500 made by the load balancer.",
	}
	MetricHTTPCodeELB502 = Metric{
		"HTTPCode_ELB_502_Count", "alb_http_code_elb_502_count_total", MetricCounter, false,
		"Answers with status 502 made by the load balancer.",
	}
	MetricHTTPCodeELB503 = Metric{
		"HTTPCode_ELB_503_Count", "alb_http_code_elb_503_count_total", MetricCounter, false,
		"Answers with status 503 made by the load balancer.",
	}
	MetricHTTPCodeELB504 = Metric{
		"HTTPCode_ELB_504_Count", "alb_http_code_elb_504_count_total", MetricCounter, false,
		"Answers with status 504 made by the load balancer.",
	}
	MetricHTTPFixedResponseCount = Metric{
		"HTTP_Fixed_Response_Count", "alb_http_fixed_response_count_total", MetricCounter, false,
		"Fixed-response actions carried out.",
	}
	MetricHTTPRedirectCount = Metric{
		"HTTP_Redirect_Count", "alb_http_redirect_count_total", MetricCounter, false,
		"Redirect actions carried out.",
	}
	MetricHTTPRedirectURLLimitExceededCount = Metric{
		"HTTP_Redirect_Url_Limit_Exceeded_Count", "alb_http_redirect_url_limit_exceeded_count_total", MetricCounter, false,
		"Redirect actions refused because the URL would be longer than 8 KB.",
	}
	MetricClientTLSNegotiationErrorCount = Metric{
		"ClientTLSNegotiationErrorCount", "alb_client_tls_negotiation_error_count_total", MetricCounter, false,
		"TLS handshakes with clients that did not end in a session.",
	}
	MetricNonStickyRequestCount = Metric{
		"NonStickyRequestCount", "alb_non_sticky_request_count_total", MetricCounter, false,
		"Requests for which a new target was chosen because no existing sticky session could be used.",
	}
	MetricAppCookieNonStickinessCount = Metric{
		"AppCookieNonStickinessCount", "alb_app_cookie_non_stickiness_count_total", MetricCounter, false,
		"The same for stickiness that follows an application's cookie.",
	}
	MetricDesyncNonCompliantRequestCount = Metric{
		"DesyncMitigationMode_NonCompliant_Request_Count", "alb_desync_mitigation_mode_non_compliant_request_count_total", MetricCounter, false,
		"Requests that do not comply with RFC 9112.",
	}
	MetricDroppedInvalidHeaderRequestCount = Metric{
		"DroppedInvalidHeaderRequestCount", "alb_dropped_invalid_header_request_count_total", MetricCounter, false,
		"Requests from which invalid header fields were removed.",
	}
	MetricForwardedInvalidHeaderRequestCount = Metric{
		"ForwardedInvalidHeaderRequestCount", "alb_forwarded_invalid_header_request_count_total", MetricCounter, false,
		"Requests that were routed with invalid header fields in them.",
	}
	MetricGrpcRequestCount = Metric{
		"GrpcRequestCount", "alb_grpc_request_count_total", MetricCounter, false,
		"gRPC requests.",
	}
	MetricIPv6RequestCount = Metric{
		"IPv6RequestCount", "alb_ipv6_request_count_total", MetricCounter, false,
		"Requests that came over IPv6.",
	}
	MetricIPv6ProcessedBytes = Metric{
		"IPv6ProcessedBytes", "alb_ipv6_processed_bytes_total", MetricCounter, false,
		"The part of ProcessedBytes that went over IPv6.",
	}
)

// Metrics of a target group.
var (
	MetricRequestCount = Metric{
		"RequestCount", "alb_request_count_total", MetricCounter, true,
		"Requests for which a target was chosen.",
	}
	MetricRequestCountPerTarget = Metric{
		"RequestCountPerTarget", "alb_request_count_per_target_total", MetricCounter, true,
		"Requests divided by the group's healthy targets, or by all of them when none is healthy.",
	}
	MetricTargetResponseTime = Metric{
		"TargetResponseTime", "alb_target_response_time_seconds", MetricHistogram, true,
		"Time from sending the request to a target until its answer began.",
	}
	MetricHTTPCodeTarget2XX = Metric{
		"HTTPCode_Target_2XX_Count", "alb_http_code_target_2xx_count_total", MetricCounter, true,
		"Answers with a 2XX status made by targets.",
	}
	MetricHTTPCodeTarget3XX = Metric{
		"HTTPCode_Target_3XX_Count", "alb_http_code_target_3xx_count_total", MetricCounter, true,
		"Answers with a 3XX status made by targets.",
	}
	MetricHTTPCodeTarget4XX = Metric{
		"HTTPCode_Target_4XX_Count", "alb_http_code_target_4xx_count_total", MetricCounter, true,
		"Answers with a 4XX status made by targets.",
	}
	MetricHTTPCodeTarget5XX = Metric{
		"HTTPCode_Target_5XX_Count", "alb_http_code_target_5xx_count_total", MetricCounter, true,
		"Answers with a 5XX status made by targets.",
	}
	MetricTargetConnectionErrorCount = Metric{
		"TargetConnectionErrorCount", "alb_target_connection_error_count_total", MetricCounter, true,
		"Connections to targets that could not be established, health checks not counted.",
	}
	MetricTargetTLSNegotiationErrorCount = Metric{
		"TargetTLSNegotiationErrorCount", "alb_target_tls_negotiation_error_count_total", MetricCounter, true,
		"TLS handshakes with targets that did not end in a session.",
	}
	MetricUnhealthyRoutingRequestCount = Metric{
		"UnhealthyRoutingRequestCount", "alb_unhealthy_routing_request_count_total", MetricCounter, true,
		"Requests routed while the group failed open.",
	}
	MetricHealthyHostCount = Metric{
		"HealthyHostCount", "alb_healthy_host_count", MetricGauge, true,
		"Targets that are healthy.",
	}
	MetricUnHealthyHostCount = Metric{
		"UnHealthyHostCount", "alb_unhealthy_host_count", MetricGauge, true,
		"Targets that are unhealthy.",
	}
	MetricAnomalousHostCount = Metric{
		"AnomalousHostCount", "alb_anomalous_host_count", MetricGauge, true,
		"Targets that answer with more errors than their peers.",
	}
	MetricMitigatedHostCount = Metric{
		"MitigatedHostCount", "alb_mitigated_host_count", MetricGauge, true,
		"Targets that get fewer requests because they are anomalous.",
	}
	MetricHealthyStateRouting = Metric{
		"HealthyStateRouting", "alb_healthy_state_routing", MetricGauge, true,
		"Zones that meet the healthy state for routing.",
	}
	MetricUnhealthyStateRouting = Metric{
		"UnhealthyStateRouting", "alb_unhealthy_state_routing", MetricGauge, true,
		"Zones that do not, and whose requests go to all targets.",
	}
)

// Metrics of the container alone, by target group: what no ALB has. AvailabilityZone is
// empty, as a queue and a budget are the group's.
var (
	MetricQueuedRequestCount = Metric{
		"", "evenkeel_queued_request_count", MetricGauge, true,
		"Requests that wait in the group's queue for room at a target.",
	}
	MetricQueueTimeoutCount = Metric{
		"", "evenkeel_queue_timeout_count_total", MetricCounter, true,
		"Requests answered with 503 because they waited too long in the group's queue.",
	}
	MetricQueueRejectedRequestCount = Metric{
		"", "evenkeel_queue_rejected_request_count_total", MetricCounter, true,
		"Requests answered with 503 because no target had room and the group has no queue or a full one.",
	}
	MetricRetriedRequestCount = Metric{
		"", "evenkeel_retried_request_count_total", MetricCounter, true,
		"Requests sent again because a target failed.",
	}
	MetricRetryBudgetExceededCount = Metric{
		"", "evenkeel_retry_budget_exceeded_count_total", MetricCounter, true,
		"Requests not sent again because retries had their share of the group's requests.",
	}
)

// Metrics of the container alone.
var (
	MetricRequests = Metric{
		"", "evenkeel_requests_total", MetricCounter, false,
		"Requests that were answered or given up, whoever answered them.",
	}
	MetricTargetRequests = Metric{
		"", "evenkeel_target_requests_total", MetricCounter, false,
		"Requests to a target that have ended, by how: the class of its status, connect_error, failed or client_gone.",
	}
	MetricTargetOutstanding = Metric{
		"", "evenkeel_target_outstanding_requests", MetricGauge, false,
		"Requests to a target that have begun and not ended.",
	}
	MetricTargetHealth = Metric{
		"", "evenkeel_target_health", MetricGauge, false,
		"Health of a target: 0 unhealthy, 1 healthy, 2 initial, 3 draining, 4 unused, 5 unavailable.",
	}
	MetricAccessLogDroppedLines = Metric{
		"", "evenkeel_log_dropped_lines_total", MetricCounter, false,
		"Lines of the access, connection, health-check and firewall logs that were lost because their file could not keep up or be written.",
	}
	MetricProxyProtocolErrors = Metric{
		"", "evenkeel_proxy_protocol_errors_total", MetricCounter, false,
		"Client connections closed because their PROXY header was malformed, of somebody who is not trusted, or missing.",
	}
	MetricWAFRequests = Metric{
		"", "evenkeel_waf_requests_total", MetricCounter, false,
		"Requests that a rule of the firewall decided on or counted, by rule and action: allow, block or count. What no rule ended is Default_Action's.",
	}
	MetricCacheRequests = Metric{
		"", "evenkeel_cache_requests_total", MetricCounter, false,
		"Requests for paths of edge.cache, by what X-Cache-Status said, in lower case.",
	}
	MetricCacheServedBytes = Metric{
		"", "evenkeel_cache_served_bytes_total", MetricCounter, false,
		"Bytes of bodies that were answered from the cache, before compression.",
	}
	MetricCacheEvictions = Metric{
		"", "evenkeel_cache_evictions_total", MetricCounter, false,
		"Keys whose answers were dropped from the cache to make room.",
	}
	MetricCacheAnswers = Metric{
		"", "evenkeel_cache_answers", MetricGauge, false,
		"Answers that the cache keeps.",
	}
	MetricCacheBytes = Metric{
		"", "evenkeel_cache_bytes", MetricGauge, false,
		"Memory that the cache takes, answers on their way in included.",
	}
	MetricCacheLimitBytes = Metric{
		"", "evenkeel_cache_limit_bytes", MetricGauge, false,
		"Memory that the cache may take: proxy.cache_memory.",
	}
	MetricDiscoveryLookups = Metric{
		"", "evenkeel_discovery_lookups_total", MetricCounter, false,
		"Look-ups of a target group's name in DNS, by result: success or failure.",
	}
	MetricDiscoveryLastAnswer = Metric{
		"", "evenkeel_discovery_last_answer_timestamp_seconds", MetricGauge, false,
		"When DNS last told a target group's targets, in seconds since the epoch; 0 when it has not yet.",
	}
	MetricCertificateExpiry = Metric{
		"", "evenkeel_certificate_expiry_timestamp_seconds", MetricGauge, false,
		"When a certificate of a listener ends, in seconds since the epoch.",
	}
	MetricWAFUnsharedRequests = Metric{
		"", "evenkeel_waf_unshared_requests_total", MetricCounter, false,
		"Requests that rate rules counted in this process only, because Redis was away or the senders were too many.",
	}
	MetricBuildInfo = Metric{
		"", "evenkeel_build_info", MetricGauge, false,
		"The running build; always 1.",
	}
	MetricConfigReloads = Metric{
		"", "evenkeel_config_reloads_total", MetricCounter, false,
		"Reloads of the environment file that were tried.",
	}
	MetricOperatorOrders = Metric{
		"", "evenkeel_operator_orders_total", MetricCounter, false,
		"Orders of operators that were carried out, by action: ready, drain, maintenance or weight.",
	}
	MetricSignIns = Metric{
		"", "evenkeel_sign_ins_total", MetricCounter, false,
		"Sign-ins to the admin page that were tried, by result.",
	}
	MetricConfigLastReloadSuccessful = Metric{
		"", "evenkeel_config_last_reload_successful", MetricGauge, false,
		"Whether the last load of the environment file went well.",
	}
	MetricConfigLastReloadTime = Metric{
		"", "evenkeel_config_last_reload_success_timestamp_seconds", MetricGauge, false,
		"When the environment file was last loaded well, in seconds since the epoch.",
	}
)

// Metrics returns all of the above that CloudWatch has too, in the order of this file.
func Metrics() []Metric {
	return []Metric{
		MetricActiveConnectionCount, MetricNewConnectionCount, MetricRejectedConnectionCount,
		MetricProcessedBytes, MetricRuleEvaluations,
		MetricHTTPCodeELB3XX, MetricHTTPCodeELB4XX, MetricHTTPCodeELB5XX,
		MetricHTTPCodeELB500, MetricHTTPCodeELB502, MetricHTTPCodeELB503, MetricHTTPCodeELB504,
		MetricHTTPFixedResponseCount, MetricHTTPRedirectCount, MetricHTTPRedirectURLLimitExceededCount,
		MetricClientTLSNegotiationErrorCount, MetricNonStickyRequestCount, MetricAppCookieNonStickinessCount,
		MetricDesyncNonCompliantRequestCount, MetricDroppedInvalidHeaderRequestCount,
		MetricForwardedInvalidHeaderRequestCount, MetricGrpcRequestCount, MetricIPv6RequestCount,
		MetricIPv6ProcessedBytes,
		MetricRequestCount, MetricRequestCountPerTarget, MetricTargetResponseTime,
		MetricHTTPCodeTarget2XX, MetricHTTPCodeTarget3XX, MetricHTTPCodeTarget4XX, MetricHTTPCodeTarget5XX,
		MetricTargetConnectionErrorCount, MetricTargetTLSNegotiationErrorCount,
		MetricUnhealthyRoutingRequestCount, MetricHealthyHostCount, MetricUnHealthyHostCount,
		MetricAnomalousHostCount, MetricMitigatedHostCount,
		MetricHealthyStateRouting, MetricUnhealthyStateRouting,
	}
}
