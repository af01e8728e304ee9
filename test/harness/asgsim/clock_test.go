package asgsim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness/asgsim"
)

func TestVirtualClockKeepsOrder(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := asgsim.NewVirtual(start)
	var order []int
	add := func(n int) func() { return func() { order = append(order, n) } }
	c.After(2*time.Second, add(3))
	c.After(time.Second, func() {
		add(1)()
		c.After(time.Second, add(5))
	})
	c.After(time.Second, add(2))
	c.After(2*time.Second, add(4))
	c.After(time.Hour, add(9))
	c.Run(start.Add(time.Minute), func() bool { return false })
	if want := []int{1, 2, 3, 4, 5}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if got := c.Now().Sub(start); got != 2*time.Second {
		t.Errorf("the time is %v, want that of the last thing, 2s", got)
	}
}
