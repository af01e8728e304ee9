package balance_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

func TestAnomalies(t *testing.T) {
	type s = balance.Sample
	for _, c := range []struct {
		name    string
		samples []s
		want    []int
	}{
		{"nothing", nil, nil},
		{"no requests", []s{{}, {}, {}}, nil},
		{"no errors", []s{{100, 0}, {100, 0}, {100, 0}}, nil},
		{"one fails all", []s{{100, 0}, {100, 100}, {100, 0}}, []int{1}},
		{"one fails a fifth", []s{{100, 0}, {100, 0}, {100, 20}}, []int{2}},
		{"one fails a little", []s{{1000, 0}, {1000, 0}, {1000, 50}}, nil},
		{"one fails more than others do", []s{{1000, 100}, {1000, 110}, {1000, 400}}, []int{2}},
		{"one fails less", []s{{100, 100}, {100, 0}, {100, 100}}, nil},
		{"all fail alike", []s{{100, 50}, {100, 55}, {100, 48}, {100, 61}}, nil},
		{"all fail all", []s{{100, 100}, {100, 100}, {100, 100}}, nil},
		{"1 error of 2", []s{{2, 0}, {2, 1}, {2, 0}}, nil},
		{"1 error of 2 beside busy peers", []s{{1000, 0}, {2, 1}, {1000, 0}}, nil},
		{"4 of 10", []s{{10, 0}, {10, 4}, {10, 0}}, nil},
		{"5 of 10", []s{{10, 0}, {10, 5}, {10, 0}}, []int{1}},
		{"two healthy targets", []s{{100, 0}, {100, 100}}, nil},
		{"two busy targets", []s{{100, 0}, {100, 100}, {3, 0}}, nil},
		{"two of three fail", []s{{100, 100}, {100, 0}, {100, 100}}, nil},
		{"two of five fail", []s{{100, 80}, {100, 0}, {100, 0}, {100, 90}, {100, 0}}, []int{0, 3}},
		{"half fail", []s{{100, 90}, {100, 0}, {100, 90}, {100, 0}}, []int{0, 2}},
		{"three of five fail", []s{{100, 90}, {100, 0}, {100, 90}, {100, 0}, {100, 90}}, nil},
		{"more errors than requests", []s{{100, 0}, {100, 300}, {100, 0}}, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := balance.Anomalies(c.samples, len(c.samples))
			if len(got) != len(c.samples) {
				t.Fatalf("%d results for %d samples", len(got), len(c.samples))
			}
			var anomalous []int
			for i, a := range got {
				if a {
					anomalous = append(anomalous, i)
				}
			}
			if !slices.Equal(anomalous, c.want) {
				t.Errorf("got %d, want %d", anomalous, c.want)
			}
		})
	}
}

func TestAnomaliesNeedHealthyTargets(t *testing.T) {
	samples := []balance.Sample{{Requests: 100}, {Requests: 100, Errors: 100}, {Requests: 100}}
	for healthy, want := range []bool{false, false, false, true, true} {
		if got := balance.Anomalies(samples, healthy)[1]; got != want {
			t.Errorf("%d healthy: %v", healthy, got)
		}
	}
}

// TestChanceIsNoAnomaly has targets that all fail by the same chance, with few requests: a
// hundred targets for an hour, which is 72,000 looks.
func TestChanceIsNoAnomaly(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	for _, rate := range []float64{0.01, 0.1, 0.5} {
		anomalies := 0
		for range 720 {
			samples := make([]balance.Sample, 100)
			for i := range samples {
				samples[i].Requests = 10 + random.Uint64N(100)
				for range samples[i].Requests {
					if random.Float64() < rate {
						samples[i].Errors++
					}
				}
			}
			for _, a := range balance.Anomalies(samples, len(samples)) {
				if a {
					anomalies++
				}
			}
		}
		t.Logf("rate %v: %d anomalies", rate, anomalies)
		if anomalies > 10 {
			t.Errorf("rate %v: %d anomalies of 72,000", rate, anomalies)
		}
	}
}

func TestMitigateDropsAtOnceAndRisesStepByStep(t *testing.T) {
	for _, previous := range []float64{0, 0.05, 0.3, 1} {
		if got := balance.Mitigate(previous, true); got != 0.05 {
			t.Errorf("anomalous after %v: %v", previous, got)
		}
	}
	share, evaluations := balance.Mitigate(1, true), 0
	for share < 1 {
		next := balance.Mitigate(share, false)
		if next <= share || next > 1 {
			t.Fatalf("%v after %v", next, share)
		}
		share = next
		evaluations++
	}
	if evaluations != 8 {
		t.Errorf("whole after %d evaluations, want 8", evaluations)
	}
	for _, previous := range []float64{0, 1, 2, -1} {
		if got := balance.Mitigate(previous, false); got != 1 {
			t.Errorf("after %v: %v", previous, got)
		}
	}
}
