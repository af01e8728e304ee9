package balance_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/balance"
)

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		all := everyAlgorithm(b, n)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			a := all[name]
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				f := balance.Facts{Now: start.Add(10 * time.Second)}
				b.ReportAllocs()
				for b.Loop() {
					f.Random += 0x9e3779b97f4a7c15
					f.Hash = f.Random
					f.Now = f.Now.Add(time.Microsecond)
					a.Pick(f)
				}
			})
		}
	}
}

func BenchmarkPickParallel(b *testing.B) {
	all := everyAlgorithm(b, 10)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				f := balance.Facts{Now: start.Add(10 * time.Second)}
				for pb.Next() {
					f.Random += 0x9e3779b97f4a7c15
					f.Hash = f.Random
					a.Pick(f)
				}
			})
		})
	}
}

// BenchmarkNew is what a new snapshot costs; the weights are those with the longest schedule.
func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		targets := group(n)
		for i := range targets {
			targets[i].Weight = 256 - i%2
		}
		for _, name := range names {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if _, err := balance.New(name, targets, balance.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
