package sticky_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/sticky"
)

func TestNeedsSameSite(t *testing.T) {
	for agent, want := range map[string]bool{
		"": false,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.130 Safari/537.36":                false,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.87 Safari/537.36":                 true,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chromium/120.0.0.0 Chrome/120.0.0.0 Safari/537.36": true,
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                   false,
		"Chrome/":                         false,
		"Chrome/999999999999999999999999": true,
		"Chrome/8":                        false,
	} {
		if got := sticky.NeedsSameSite([]byte(agent)); got != want {
			t.Errorf("%q: %v, want %v", agent, got, want)
		}
	}
}
