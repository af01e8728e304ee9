package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Causes of a drain.
const (
	CauseTerminated = "terminated"
	CauseSpot       = "spot_interruption"
	CauseRebalance  = "rebalance_recommendation"
)

// Paths of the instance metadata.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
const (
	pathTargetState = "autoscaling/target-lifecycle-state"
	pathSpotAction  = "spot/instance-action"
	pathRebalance   = "events/recommendations/rebalance"
	pathInstance    = "instance-id"
	// pathGroup is only there for instances that let their tags be read.
	pathGroup = "tags/instance/aws:autoscaling:groupName"
)

// notice says why an instance is to end; its cause is empty as long as it is not.
type notice struct {
	cause string
	// deadline is when the application is not waited for any longer, if that is known.
	deadline time.Time
}

// notice asks the metadata whether the instance is to end.
func (a *Agent) notice(ctx context.Context) (notice, error) {
	state, err := a.get(ctx, pathTargetState)
	if err != nil {
		return notice{}, err
	}
	// An instance that leaves for a warm pool comes back: the drain function lets it go.
	if state == "Terminated" || state == "Warmed:Terminated" {
		return notice{cause: CauseTerminated}, nil
	}
	if a.config.Spot {
		n, err := a.spotNotice(ctx)
		if err != nil || n.cause != "" {
			return n, err
		}
	}
	if a.config.Rebalance {
		text, err := a.get(ctx, pathRebalance)
		if err != nil {
			return notice{}, err
		}
		if text != "" {
			return notice{cause: CauseRebalance}, nil
		}
	}
	return notice{}, nil
}

// spotNotice asks whether EC2 takes a spot instance back. One that hibernates keeps what it
// works on.
func (a *Agent) spotNotice(ctx context.Context) (notice, error) {
	text, err := a.get(ctx, pathSpotAction)
	if err != nil || text == "" {
		return notice{}, err
	}
	var action struct {
		Action string    `json:"action"`
		Time   time.Time `json:"time"`
	}
	if err := json.Unmarshal([]byte(text), &action); err != nil {
		return notice{}, fmt.Errorf("read %s: %w", pathSpotAction, err)
	}
	if action.Action != "terminate" && action.Action != "stop" {
		return notice{}, nil
	}
	return notice{cause: CauseSpot, deadline: action.Time}, nil
}

func (a *Agent) get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	return a.metadata.Get(ctx, path)
}
