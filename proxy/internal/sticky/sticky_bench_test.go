package sticky_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

func BenchmarkSealerAppend(b *testing.B) {
	s, dst := sealer(b), make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(dst, sticky.LBCookie, scope, address, start)
	}
}

func BenchmarkMemo(b *testing.B) {
	s := sealer(b)
	var m sticky.Memo
	b.ReportAllocs()
	for b.Loop() {
		m.SetCookie(s, sticky.LBCookie, scope, address, start)
	}
}

func BenchmarkOpen(b *testing.B) {
	for name, age := range map[string]time.Duration{"made now": 0, "older": time.Minute} {
		b.Run(name, func(b *testing.B) {
			s, scratch := sealer(b), make([]byte, 0, 512)
			text := s.Append(nil, sticky.LBCookie, scope, address, start)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Open(scratch, sticky.LBCookie, scope, text, start.Add(age), day); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := sticky.Find(manyCookies, sticky.NameLB); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAppendCookie(b *testing.B) {
	dst, text := make([]byte, 0, 256), bytes.Repeat([]byte("A"), 128)
	b.ReportAllocs()
	for b.Loop() {
		sticky.AppendCookie(dst, sticky.NameLBCORS, text, start, true, true)
	}
}
