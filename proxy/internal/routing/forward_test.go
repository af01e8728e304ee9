package routing_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/routing"
	"github.com/evenkeel/evenkeel/spec"
)

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		weights []int
	}{
		{[]int{1}},
		{[]int{999}},
		{[]int{1, 1}},
		{[]int{10, 0, 20}},
		{[]int{0, 1}},
		{[]int{1, 0}},
		{[]int{900, 50, 25, 20, 5}},
		{[]int{999, 999, 999, 999, 999}},
	} {
		f := &routing.Forward{}
		sum := 0
		for _, w := range tt.weights {
			f.Groups = append(f.Groups, routing.WeightedGroup{Weight: w})
			sum += w
		}
		// One round through all remainders gives each group exactly its weight.
		counts := make([]int, len(tt.weights))
		for random := range sum {
			counts[f.Choose(uint64(random))]++
		}
		for i, w := range tt.weights {
			if counts[i] != w {
				t.Errorf("%v: group %d chosen %d times of %d", tt.weights, i, counts[i], sum)
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			if i := f.Choose(random.Uint64()); tt.weights[i] == 0 {
				t.Errorf("%v: chose %d", tt.weights, i)
			}
		}
	}
	for _, f := range []*routing.Forward{{}, {Groups: []routing.WeightedGroup{{}, {}}}, {Groups: []routing.WeightedGroup{{Weight: -1}}}} {
		if i := f.Choose(7); i != -1 {
			t.Errorf("%v: chose %d", f.Groups, i)
		}
	}
}

func TestCompileForward(t *testing.T) {
	table := compile(t, &spec.Listener{DefaultAction: spec.Action{
		Forward:               []spec.WeightedTargetGroup{{TargetGroup: "a", Weight: 9}, {TargetGroup: "b", Weight: 0}},
		TargetGroupStickiness: spec.TargetGroupStickiness{Duration: time.Hour},
	}})
	rule, _ := table.Match(mustCanonicalize(t, get("/")), peer)
	f := rule.Action.Forward
	if rule.Action.Kind != routing.KindForward || len(f.Groups) != 2 || f.Stickiness != time.Hour ||
		f.Groups[0] != (routing.WeightedGroup{Name: "a", Weight: 9}) || f.Groups[1] != (routing.WeightedGroup{Name: "b"}) {
		t.Errorf("%+v", f)
	}
}
