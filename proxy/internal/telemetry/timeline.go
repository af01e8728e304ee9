package telemetry

import (
	"time"

	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	// timelineLength is how many transitions of a target are kept.
	timelineLength = 100
	// timelineAge is how long they are shown; the last one is however old it is.
	timelineAge = 24 * time.Hour
	// maxDescription bounds what a description takes up, in bytes.
	maxDescription = 200
)

// Transition is one change of a target's health, or of what an operator wants of the target.
type Transition struct {
	Time time.Time `json:"time"`
	// From is empty for the first one.
	From        targethealth.State  `json:"from,omitempty"`
	To          targethealth.State  `json:"to"`
	Reason      targethealth.Reason `json:"reason,omitempty"`
	Description string              `json:"description,omitempty"`
	// Order is what an operator has said, By who; health did not change by it itself.
	Order string `json:"order,omitempty"`
	By    string `json:"by,omitempty"`
}

// timeline is a ring of transitions that grows to its length.
type timeline struct {
	list []Transition
	next int // where the next one goes once list is full
}

func (l *timeline) add(t Transition) {
	if len(l.list) < timelineLength {
		l.list = append(l.list, t)
		return
	}
	l.list[l.next] = t
	l.next = (l.next + 1) % timelineLength
}

// since returns those after begin, oldest first, and the one before them, which says what held
// at begin.
func (l *timeline) since(begin time.Time) []Transition {
	list := make([]Transition, 0, len(l.list))
	for i := range l.list {
		t := l.list[(l.next+i)%len(l.list)]
		if len(list) == 1 && !list[0].Time.After(begin) && !t.Time.After(begin) {
			list = list[:0]
		}
		list = append(list, t)
	}
	return list
}

// Turn records a transition.
func (t *Target) Turn(change Transition) {
	if len(change.Description) > maxDescription {
		change.Description = change.Description[:maxDescription]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timeline.add(change)
	if change.From != change.To {
		t.changed = change.Time
	}
}
