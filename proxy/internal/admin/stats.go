package admin

import (
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
)

// Stats is Status and what the targets did lately: what the page, `/stats;csv` and `evenkeel
// top` show and GET /stats;json answers.
type Stats struct {
	Version     string    `json:"version"`
	Environment string    `json:"environment"`
	Started     time.Time `json:"started"`
	// Time is when this was said.
	Time     time.Time `json:"time"`
	Draining bool      `json:"draining"`
	Reloads  Reloads   `json:"reloads"`
	// Connections are open from clients; no more than MaxConnections are let in.
	Connections    int64        `json:"connections"`
	MaxConnections int64        `json:"max_connections"`
	Listeners      []Listener   `json:"listeners"`
	TargetGroups   []GroupStats `json:"target_groups"`
	Alarms         Alarms       `json:"alarms"`
	// Problems are what is wrong, the worst first. The source leaves them to this package.
	Problems []Problem `json:"problems"`
}

// Alarms are those thresholds of the environment file beyond which the page shows that
// something is wrong.
type Alarms struct {
	// ErrorShare is alarms.error_rate as a part of one, P95 alarms.response_time.p95 in
	// milliseconds, 0 for off, Connections alarms.connections as a part of one.
	ErrorShare  float64 `json:"error_share"`
	P95         float64 `json:"p95_ms"`
	Connections float64 `json:"connections"`
}

// GroupStats is a target group and what its targets did together.
type GroupStats struct {
	Name      string `json:"name"`
	ARN       string `json:"arn"`
	Protocol  string `json:"protocol"`
	Algorithm string `json:"algorithm"`
	FailOpen  bool   `json:"fail_open"`
	// InUse says that some listener forwards to the group.
	InUse       bool             `json:"in_use"`
	Outstanding int64            `json:"outstanding"`
	Connections int              `json:"connections"`
	Load        GroupLoad        `json:"load"`
	Telemetry   telemetry.Report `json:"telemetry"`
	Targets     []TargetStats    `json:"targets"`
	// Discovery is Status's.
	Discovery *Discovery `json:"discovery,omitempty"`
}

// GroupLoad is what a group has to do beyond sending requests to targets. All but Queued only
// grow.
type GroupLoad struct {
	// Queued requests wait for room at a target; no more than QueueDepth may.
	Queued     int64 `json:"queued"`
	QueueDepth int   `json:"queue_depth"`
	// QueueTimeouts waited in vain, QueueRejected found neither room nor a place to wait.
	QueueTimeouts uint64 `json:"queue_timeouts"`
	QueueRejected uint64 `json:"queue_rejected"`
	// Retried requests were sent again, RetriesRefused were not for want of budget.
	Retried        uint64 `json:"retried"`
	RetriesRefused uint64 `json:"retries_refused"`
}

// TargetStats is a target and what it did.
type TargetStats struct {
	TargetNow
	Series   telemetry.Series       `json:"series"`
	Timeline []telemetry.Transition `json:"timeline"`
	// Checks are the last health checks, 20 at most, oldest first.
	Checks []telemetry.Check `json:"checks"`
}

// TargetNow is how a target stands.
type TargetNow struct {
	Target
	// Changed is since when the target has its state.
	Changed time.Time `json:"changed"`
	// Weight is the one in force; WeightOverridden says that an operator has set it.
	Weight           int  `json:"weight"`
	WeightOverridden bool `json:"weight_overridden"`
	Backup           bool `json:"backup"`
	// MaxRequests is how many requests the target takes at a time; 0 for any number.
	MaxRequests int `json:"max_requests"`
	// Connections to the target are open, idle ones included.
	Connections int `json:"connections"`
	// Anomalous targets answer with more errors than their peers; Mitigated ones get fewer
	// requests for it.
	Anomalous bool             `json:"anomalous"`
	Mitigated bool             `json:"mitigated"`
	Telemetry telemetry.Report `json:"telemetry"`
}

// Actions of an Order. The first three are also the values of Target.Administrative.
const (
	ActionReady       = telemetry.OrderReady
	ActionDrain       = telemetry.OrderDrain
	ActionMaintenance = telemetry.OrderMaintenance
	ActionWeight      = telemetry.OrderWeight
)

// Order is what an operator asks for.
type Order struct {
	TargetGroup string
	// Target is the id of a target, or its address.
	Target string
	// Action is one of the above.
	Action string
	// Weight is for the action weight: 1 to 256, or 0 for that of the environment file.
	Weight int
	// By is the user who asks.
	By string
}

// Change is what became of an Order.
type Change struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// ErrNotFound is in the chain of an error of Source.Order when there is no such target.
var ErrNotFound = errors.New("not found")
