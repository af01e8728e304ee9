package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/spec"
)

// Drain is what a message knows of an instance's end. A function keeps nothing, so it goes
// from step to step in the messages that the function sends itself.
type Drain struct {
	Group    string `json:"group"`
	Hook     string `json:"hook"`
	Instance string `json:"instance"`
	// Token of the lifecycle action; empty when the event that had it was lost.
	Token string `json:"token,omitempty"`
	// Metadata of the hook's event, a spec.DrainMetadata.
	Metadata string `json:"metadata,omitempty"`
	// Started is when the hook's event happened, or else when the instance was found held.
	Started time.Time `json:"started"`
	// Held tells that it was found held at Started; without a token, the hook's hold may not
	// have begun before.
	Held bool `json:"held,omitempty"`
	// Heartbeat is when the hook's timeout began to run the last time, as far as known.
	Heartbeat time.Time `json:"heartbeat,omitzero"`
	// By is when EC2 takes the instance back, if it said so.
	By time.Time `json:"by,omitzero"`
	// WarmPool tells that the instance does not end but returns to the group's warm pool.
	WarmPool bool `json:"warm_pool,omitempty"`
	// Unknown is how many of the application's answers, the last ones, told nothing.
	Unknown int `json:"unknown,omitempty"`
	// Due is when this message was to be read at the earliest. It tells a drain's messages
	// apart.
	Due time.Time `json:"due,omitzero"`
}

// step is the message that goes on with a drain.
func (d *Drain) step() (string, error) {
	text, err := json.Marshal(struct {
		Source string `json:"source"`
		Type   string `json:"detail-type"`
		Detail *Drain `json:"detail"`
	}{sourceStep, typeStep, d})
	if err != nil {
		return "", fmt.Errorf("write step: %w", err)
	}
	return string(text), nil
}

// Terms are a fleet's, by which its instances drain.
type Terms struct {
	// Heartbeat is the hook's timeout, Maximum the most that a drain takes.
	Heartbeat, Maximum time.Duration
	// Retain tells to keep what is not done by then, for people to look at.
	Retain bool
	// Workers tells that instances are done when their tasks are, which only they know.
	Workers bool
	// Endpoint is the path at which the application says how many requests it has in progress,
	// at Port and with TLS if it is told to; empty if it is not asked.
	Endpoint string
	Port     int
	TLS      bool
}

// readTerms reads a hook's metadata.
func readTerms(metadata string) (Terms, error) {
	var m spec.DrainMetadata
	if err := json.Unmarshal([]byte(metadata), &m); err != nil {
		return Terms{}, fmt.Errorf("read metadata: %w", err)
	}
	heartbeat, err := time.ParseDuration(m.Heartbeat)
	if err != nil {
		return Terms{}, fmt.Errorf("read metadata: heartbeat: %w", err)
	}
	maximum, err := time.ParseDuration(m.Maximum)
	if err != nil {
		return Terms{}, fmt.Errorf("read metadata: maximum: %w", err)
	}
	if heartbeat < spec.MinHeartbeat || heartbeat > spec.MaxHeartbeat || maximum <= 0 {
		return Terms{}, fmt.Errorf("read metadata: got heartbeat %v and maximum %v, want a heartbeat of %v to %v and a maximum above 0s", heartbeat, maximum, spec.MinHeartbeat, spec.MaxHeartbeat)
	}
	switch m.OnTimeout {
	case spec.DrainContinue, spec.DrainRetain, "abandon":
	default:
		return Terms{}, fmt.Errorf("read metadata: on_timeout: got %.40q, want %s or %s", m.OnTimeout, spec.DrainContinue, spec.DrainRetain)
	}
	if m.Endpoint != "" && (m.Endpoint[0] != '/' || m.Port < 1 || m.Port > spec.MaxPort) {
		return Terms{}, fmt.Errorf("read metadata: got endpoint %.40q at port %d, want a path and a port of 1 to %d", m.Endpoint, m.Port, spec.MaxPort)
	}
	return Terms{
		Heartbeat: heartbeat, Maximum: maximum, Retain: m.OnTimeout != spec.DrainContinue, Workers: m.Workers,
		Endpoint: m.Endpoint, Port: m.Port, TLS: m.TLS,
	}, nil
}

// cautious are the terms of a hook that does not say any: hold what may be busy, and no
// longer than the hook does by itself.
func cautious(heartbeat time.Duration, defaultResult string) Terms {
	heartbeat = min(max(heartbeat, spec.MinHeartbeat), spec.MaxHeartbeat)
	return Terms{Heartbeat: heartbeat, Maximum: heartbeat, Retain: defaultResult == resultAbandon, Workers: true}
}
