package edge_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

const (
	cachingDisabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewer       = "216adef6-5c7f-47e4-b989-5492eafa07d3"
)

var (
	everyMethod = []any{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	readMethods = []any{"GET", "HEAD", "OPTIONS"}
)

func TestBehaviorsAreInOrder(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		var want, got []string
		for _, s := range env.Edge.Static {
			want = append(want, s.Path+" from "+bucket(s.Path))
		}
		for _, c := range env.Edge.Cache {
			want = append(want, c.Path+" from load-balancer")
		}
		for _, b := range made.behaviors(t) {
			got = append(got, fmt.Sprint(at(b, "PathPattern"), " from ", at(b, "TargetOriginId")))
		}
		if !slices.Equal(got, want) {
			t.Errorf("behaviours\n%q, want\n%q", got, want)
		}
		for _, b := range append(made.behaviors(t), at(made.distribution(t), "DefaultCacheBehavior")) {
			if at(b, "ViewerProtocolPolicy") != "redirect-to-https" || at(b, "Compress") != env.Edge.Compression.Enabled {
				t.Errorf("behaviour %v", b)
			}
			methods, request := everyMethod, any(allViewer)
			if at(b, "TargetOriginId") != "load-balancer" {
				methods, request = readMethods, nil
			}
			if diff := cmp.Diff(methods, at(b, "AllowedMethods")); diff != "" {
				t.Errorf("%v: %s", at(b, "PathPattern"), diff)
			}
			// Host has to reach the load balancer, and must not reach S3.
			if at(b, "OriginRequestPolicyId") != request {
				t.Errorf("%v sends the origin %v, want %v", at(b, "PathPattern"), at(b, "OriginRequestPolicyId"), request)
			}
			if diff := cmp.Diff([]any{"GET", "HEAD"}, at(b, "CachedMethods")); diff != "" {
				t.Errorf("%v: %s", at(b, "PathPattern"), diff)
			}
		}
		if id := at(made.distribution(t), "DefaultCacheBehavior", "CachePolicyId"); id != cachingDisabled {
			t.Errorf("the default behaviour caches by %v", id)
		}
	})
}

func TestCachePolicies(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		list := made.behaviors(t)
		names := map[any]bool{}
		for _, p := range made["AWS::CloudFront::CachePolicy"] {
			names[at(p, "CachePolicyConfig", "Name")] = true
		}
		if len(names) != len(made["AWS::CloudFront::CachePolicy"]) {
			t.Errorf("policies share names: %v", names)
		}
		for i, c := range env.Edge.Cache {
			config := at(made["AWS::CloudFront::CachePolicy"][reference(at(list[len(env.Edge.Static)+i], "CachePolicyId"))], "CachePolicyConfig")
			if at(config, "MinTTL") != c.MinTTL.Seconds() || at(config, "DefaultTTL") != c.DefaultTTL.Seconds() || at(config, "MaxTTL") != c.MaxTTL.Seconds() {
				t.Errorf("%s is kept %v", c.Path, config)
			}
		}
	})
}

func TestCacheKeys(t *testing.T) {
	env := load(t, "testdata/every.yaml")
	_, made := build(t, propsOf(env))
	list := made.behaviors(t)
	for i, want := range []string{
		// Accept-Encoding of the file is in the key by its own switches, Host always.
		`{"HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Host", "accept-language", "X-Tenant"]},
		"CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": ["currency", "region"]},
		"QueryStringsConfig": {"QueryStringBehavior": "whitelist", "QueryStrings": ["page", "q"]},
		"EnableAcceptEncodingGzip": true, "EnableAcceptEncodingBrotli": true}`,
		`{"HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Host"]},
		"CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "none"},
		"EnableAcceptEncodingGzip": true, "EnableAcceptEncodingBrotli": true}`,
	} {
		b := list[len(env.Edge.Static)+i]
		got := at(made["AWS::CloudFront::CachePolicy"][reference(at(b, "CachePolicyId"))], "CachePolicyConfig", "ParametersInCacheKeyAndForwardedToOrigin")
		if diff := cmp.Diff(parse(t, want), got); diff != "" {
			t.Errorf("%v: %s", at(b, "PathPattern"), diff)
		}
	}
}

// TestAllInTheKey is of cookies and queries that are not listed one by one.
func TestAllInTheKey(t *testing.T) {
	env := load(t, "testdata/every.yaml")
	env.Edge.Cache[1].Key = spec.CacheKey{Cookies: []string{spec.CacheKeyAll}, Query: []string{spec.CacheKeyAll}}
	_, made := build(t, propsOf(env))
	b := made.behaviors(t)[len(env.Edge.Static)+1]
	got := at(made["AWS::CloudFront::CachePolicy"][reference(at(b, "CachePolicyId"))], "CachePolicyConfig", "ParametersInCacheKeyAndForwardedToOrigin")
	if diff := cmp.Diff(parse(t, `{"HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Host"]},
		"CookiesConfig": {"CookieBehavior": "all"}, "QueryStringsConfig": {"QueryStringBehavior": "all"},
		"EnableAcceptEncodingGzip": true, "EnableAcceptEncodingBrotli": true}`), got); diff != "" {
		t.Error(diff)
	}
}

// TestFilesAreKeptAsTheirCacheControlSays, which CloudFront would not see by itself: the
// header is put on what it answers, not on what S3 does.
func TestFilesAreKeptAsTheirCacheControlSays(t *testing.T) {
	env := load(t, "testdata/every.yaml")
	env.Edge.Static = nil
	rows := []struct {
		cacheControl string
		kept         float64
	}{
		{"", 86400},
		{"public", 86400},
		{"public, max-age=31536000, immutable", 31536000},
		{"max-age=60,s-maxage=600", 600},
		{"s-maxage=600, Max-Age=60", 600},
		{"max-age=bogus", 86400},
		{"max-age=0, must-revalidate", 0},
		{"no-cache", 0},
		{"NO-STORE", 0},
		{"private, max-age=60", 0},
		{"max-age=2000000000", 2000000000},
	}
	for i, row := range rows {
		env.Edge.Static = append(env.Edge.Static, spec.Static{Path: fmt.Sprintf("/files%d/*", i), Directory: fmt.Sprint(i), CacheControl: row.cacheControl})
	}
	env.Edge.ErrorPages = nil
	_, made := build(t, propsOf(env))
	for i, b := range made.behaviors(t)[:len(rows)] {
		config := at(made["AWS::CloudFront::CachePolicy"][reference(at(b, "CachePolicyId"))], "CachePolicyConfig")
		if at(config, "MinTTL") != 0.0 || at(config, "DefaultTTL") != rows[i].kept || at(config, "MaxTTL") != max(rows[i].kept, 31536000) {
			t.Errorf("%q is kept %v", rows[i].cacheControl, config)
		}
		if h := at(config, "ParametersInCacheKeyAndForwardedToOrigin", "HeadersConfig", "HeaderBehavior"); h != "none" {
			t.Errorf("files differ by headers: %v", h)
		}
	}
	distinct := map[float64]bool{}
	for _, row := range rows {
		distinct[row.kept] = true
	}
	if n, want := len(made["AWS::CloudFront::CachePolicy"]), len(distinct)+len(env.Edge.Cache); n != want {
		t.Errorf("%d cache policies, want %d: equal ones are shared", n, want)
	}
}
