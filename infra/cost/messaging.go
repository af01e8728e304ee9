package cost

import "github.com/evenkeel/evenkeel/infra/template"

// schedule prices what EventBridge Scheduler invokes.
//
// https://aws.amazon.com/eventbridge/pricing/
func schedule(s *sheet, _ *template.Resource) {
	s.add("invocations", Invocations/million, "million", "scheduler", "million-invocations")
}

// queue prices requests to a queue.
//
// https://aws.amazon.com/sqs/pricing/
func queue(s *sheet, r *template.Resource) {
	item := "million-requests"
	if r.Bool("FifoQueue") {
		item = "fifo-million-requests"
	}
	s.add("requests", QueueRequests, "million", "sqs", item)
}

// topic prices what is published to a topic.
//
// https://aws.amazon.com/sns/pricing/
func topic(s *sheet, _ *template.Resource) {
	s.add("messages", Publishes/million, "million", "sns", "million-publishes")
}
