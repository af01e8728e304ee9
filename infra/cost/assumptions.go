package cost

import (
	"fmt"
	"time"
)

// What the estimate takes for granted. Traffic costs nothing beyond these, and the free tier is
// not taken off.
const (
	// HoursPerMonth is AWS's own number: 365 days by 24 hours by 12 months.
	HoursPerMonth = 730
	// SpotDiscount is how much less a spot instance costs than list price says. It varies from
	// hour to hour.
	SpotDiscount = 0.6
	// ValkeyDiscount is how much less a node costs with Valkey than with Redis OSS.
	//
	// https://aws.amazon.com/elasticache/pricing/
	ValkeyDiscount = 0.2
	// Requests is how many millions a distribution, a web ACL or a DNS name gets in a month.
	Requests = 1
	// DeliveredGB is what a distribution sends to clients in a month.
	DeliveredGB = 10
	// NATGB is what passes a NAT gateway in a month.
	NATGB = 10
	// LCUs are the load balancer capacity units that a load balancer uses on average.
	LCUs = 1
	// LogGB is what is written to a log group, and delivered to a bucket by a flow log or
	// another source of logs, in a month.
	LogGB = 1
	// BucketGB is what a bucket holds.
	BucketGB = 10
	// BrokerGB is what each node of a broker stores.
	BrokerGB = 5
	// RootVolumeGB is the volume of an instance whose launch template names none.
	RootVolumeGB = 8
	// InstanceMetrics is how many metrics detailed monitoring of an instance is charged as.
	//
	// https://aws.amazon.com/cloudwatch/pricing/
	InstanceMetrics = 7
	// Invocations of a function or a schedule in a month: one each minute of 30 days.
	Invocations = 30 * 24 * 60
	// Duration of an invocation.
	Duration = 300 * time.Millisecond
	// QueueRequests is how many millions a queue gets in a month, from polling mostly.
	QueueRequests = 1
	// Publishes is how many messages a topic gets in a month.
	Publishes = 1000

	million = 1e6
)

// Assumptions are what the estimate takes for granted, in sentences, for whoever reads it.
func Assumptions() []string {
	return []string{
		fmt.Sprintf("a month has %d hours; the free tier and savings plans are not taken off", HoursPerMonth),
		"Auto Scaling groups run at their desired capacity, or at their least where they have none",
		fmt.Sprintf("spot instances cost %.0f %% less than list price, Valkey %.0f %% less than Redis OSS", 100*SpotDiscount, 100*ValkeyDiscount),
		fmt.Sprintf("a distribution, a web ACL and a DNS name get %d million requests, and a distribution delivers %d GB", Requests, DeliveredGB),
		fmt.Sprintf("a NAT gateway passes %d GB; data between zones, through endpoints and out of load balancers costs nothing", NATGB),
		fmt.Sprintf("a load balancer uses %d LCU on average", LCUs),
		fmt.Sprintf("a log group gets %d GB and costs nothing to keep; a source of logs delivers %d GB to its bucket", LogGB, LogGB),
		fmt.Sprintf("a bucket holds %d GB, a node of a broker %d GB; requests to buckets, keys and secrets cost nothing", BucketGB, BrokerGB),
		"backups fit into what is free",
		fmt.Sprintf("a function runs %d times for %v, a schedule as often; a queue gets %d million requests, a topic %d messages", Invocations, Duration, QueueRequests, Publishes),
		"custom metrics are those that alarms watch or log groups are filtered for",
	}
}
