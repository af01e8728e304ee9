package asgsim

import (
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Limits of the queue.
const (
	// VisibilityTimeout is how long a message that was read stays hidden.
	VisibilityTimeout = 3 * time.Minute
	// MaxReceives is how often a message is read before it is set aside.
	MaxReceives = 5
	// BatchSize is how many messages are read at once.
	BatchSize = 10
)

// queue is SQS's, not a FIFO one.
type queue struct {
	world    *World
	messages []*message
	dead     []string
	peak     int
	sent     int
}

type message struct {
	id, body string
	sent     time.Time
	visible  time.Time
	receives int
	receipt  string
}

// send adds a message that can be read after a delay.
func (q *queue) send(body string, delay time.Duration) string {
	now := q.world.Clock.Now()
	m := &message{id: q.world.uuid(), body: body, sent: now, visible: now.Add(delay)}
	q.messages = append(q.messages, m)
	q.sent++
	q.peak = max(q.peak, len(q.messages))
	q.world.wake(delay)
	return m.id
}

// receive reads messages, in no order.
func (q *queue) receive(most int, hidden time.Duration) []*message {
	w := q.world
	now := w.Clock.Now()
	var ready []*message
	for _, m := range slices.Clone(q.messages) {
		switch {
		case m.visible.After(now):
		case m.receives >= MaxReceives:
			q.dead = append(q.dead, m.body)
			q.remove(m)
		default:
			ready = append(ready, m)
		}
	}
	w.random.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	ready = ready[:min(len(ready), most)]
	for _, m := range ready {
		m.receives++
		m.receipt = w.uuid()
		m.visible = now.Add(hidden)
		w.wake(hidden)
		if w.chance(w.Faults.Redeliver) {
			again := *m
			again.receipt, again.visible = "", now.Add(w.between(0, time.Minute))
			q.messages = append(q.messages, &again)
			w.wake(again.visible.Sub(now))
		}
	}
	return ready
}

// delete ends a message that was read.
func (q *queue) delete(receipt string) {
	for _, m := range q.messages {
		if m.receipt == receipt {
			q.remove(m)
			return
		}
	}
}

func (q *queue) remove(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(o *message) bool { return o == m })
}

// record is how a function gets a message.
func (m *message) record() events.SQSMessage {
	return events.SQSMessage{
		MessageId: m.id, ReceiptHandle: m.receipt, Body: m.body, EventSource: "aws:sqs", AWSRegion: region,
		Attributes: map[string]string{
			"SentTimestamp":           strconv.FormatInt(m.sent.UnixMilli(), 10),
			"ApproximateReceiveCount": strconv.Itoa(m.receives),
		},
	}
}

// QueueState is how much there is in the queue.
type QueueState struct {
	// Messages are the bodies of those that are not done.
	Messages []string
	// Sent are all that were ever sent, Peak the most at once.
	Sent, Peak int
	// Dead are the bodies of those that were set aside.
	Dead []string
}

// Queue is the state of the queue.
func (w *World) Queue() QueueState {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := QueueState{Sent: w.queue.sent, Peak: w.queue.peak, Dead: slices.Clone(w.queue.dead)}
	for _, m := range w.queue.messages {
		state.Messages = append(state.Messages, m.body)
	}
	return state
}
