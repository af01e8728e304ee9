package balance

import (
	"math"
	"slices"
	"time"
)

// EvaluationInterval is how often targets are compared with their peers, and shares moved.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
const EvaluationInterval = 5 * time.Second

// AWS does not say how large a difference is an anomaly. Ours is one that a person would see
// on a graph, and chance all but never produces.
const (
	// minHealthy is how many healthy targets anomaly detection needs. AWS gives this one.
	//
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
	minHealthy = 3
	// minRequests is how many requests a target needs for its error rate to mean something,
	// for itself and for its peers.
	minRequests = 10
	// minErrors is how many errors a target needs.
	minErrors = 5
	// minExcess is by how much of all its requests more than its peers it must fail.
	minExcess = 0.10
	// minDeviations is by how many standard deviations: more than would do for many requests,
	// as the errors among few are not spread evenly about their mean.
	minDeviations = 5
	// minRate is the least that peers are taken to fail when deviations are counted, as they
	// are none among peers that do not fail at all.
	minRate = 0.01
)

// Sample is what one target did in an evaluation interval.
type Sample struct {
	Requests uint64
	// Errors are answers of 5xx and connections that did not come about.
	Errors uint64
}

// rate is the part of requests that failed: 0 to 1.
func (s Sample) rate() float64 { return min(1, float64(s.Errors)/float64(s.Requests)) }

// Anomalies tells for each sample whether the target fails clearly more than its peers do in
// the middle (the median). What most targets do alike is no anomaly, even if they fail: it is
// not them. With fewer than three healthy targets nobody can tell who is right.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
func Anomalies(samples []Sample, healthyCount int) []bool {
	anomalous := make([]bool, len(samples))
	var rates []float64
	var requests uint64
	for _, s := range samples {
		if s.Requests >= minRequests {
			rates = append(rates, s.rate())
			requests += s.Requests
		}
	}
	if healthyCount < minHealthy || len(rates) < minHealthy {
		return anomalous
	}
	slices.Sort(rates)
	for i, s := range samples {
		if s.Requests < minRequests || s.Errors < minErrors {
			continue
		}
		peers := medianWithout(rates, s.rate())
		likely := max(peers, minRate)
		deviation := math.Sqrt(likely * (1 - likely) * (1/float64(s.Requests) + 1/float64(requests-s.Requests)))
		anomalous[i] = s.rate() >= peers+minExcess && s.rate() > likely+minDeviations*deviation
	}
	return anomalous
}

// medianWithout is the median of sorted rates without one of them. Of two in the middle it
// is the higher: a target is no exception when half of its peers fail as it does.
func medianWithout(rates []float64, rate float64) float64 {
	at, _ := slices.BinarySearch(rates, rate)
	middle := (len(rates) - 1) / 2
	if middle >= at {
		middle++
	}
	return rates[middle]
}
