package admin

import (
	"time"

	"github.com/evenkeel/evenkeel/targethealth"
)

// Status is what `evenkeel status` shows and GET /status answers.
type Status struct {
	Version string `json:"version"`
	// Environment is the name of the environment file without its ending.
	Environment string    `json:"environment"`
	Started     time.Time `json:"started"`
	// Draining says that the process is shutting down.
	Draining     bool          `json:"draining"`
	Listeners    []Listener    `json:"listeners"`
	TargetGroups []TargetGroup `json:"target_groups"`
	Reloads      Reloads       `json:"reloads"`
}

// Listener is one listener as it is bound.
type Listener struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	// Port is the listener's in the environment file; Address is what was bound.
	Port    int    `json:"port"`
	Address string `json:"address"`
}

// TargetGroup is one target group and its targets.
type TargetGroup struct {
	Name      string `json:"name"`
	ARN       string `json:"arn"`
	Protocol  string `json:"protocol"`
	Algorithm string `json:"algorithm"`
	// FailOpen says that too few targets are healthy, so that all get requests.
	FailOpen bool     `json:"fail_open"`
	Targets  []Target `json:"targets"`
	// Discovery tells how finding targets by DNS goes; nil for a group that does not.
	Discovery *Discovery `json:"discovery,omitempty"`
}

// Discovery is how finding targets by DNS goes.
type Discovery struct {
	// DNS is the name that is looked up.
	DNS string `json:"dns"`
	// Answered is when the last good answer came; zero when none has.
	Answered time.Time `json:"answered,omitzero"`
	// Error is why the last look-up failed; empty when it did not. The targets are those of the
	// last good answer then.
	Error string `json:"error,omitempty"`
}

// SourceDNS is the source of a target that DNS named.
const SourceDNS = "dns"

// Target is one registered or draining target.
type Target struct {
	ID string `json:"id"`
	// Address is ip:port.
	Address string `json:"address"`
	// Zone is the availability zone; empty for none.
	Zone string `json:"zone,omitempty"`
	// Source is SourceDNS for a target that DNS named; empty for one that the environment has.
	Source      string              `json:"source,omitempty"`
	State       targethealth.State  `json:"state"`
	Reason      targethealth.Reason `json:"reason,omitempty"`
	Description string              `json:"description,omitempty"`
	// Administrative is what an operator wants of the target: ready, drain or maintenance.
	Administrative string `json:"administrative"`
	// Outstanding requests have been sent to the target and not yet answered in full.
	Outstanding int64 `json:"outstanding"`
	// Requests counts all since the target was registered.
	Requests uint64 `json:"requests"`
}

// Reloads tells how reloading the environment file went since the start.
type Reloads struct {
	// Count of the reloads that took effect.
	Count uint64 `json:"count"`
	// LastError is why the last one changed nothing; empty when it took effect.
	LastError string `json:"last_error,omitempty"`
	// LastTime is when the last one was tried; zero when none was.
	LastTime time.Time `json:"last_time,omitzero"`
}
