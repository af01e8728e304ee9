package edge_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/spec"
)

// headers are what a behaviour's policy sets, by the header's name; security headers by
// the property's.
func headers(t *testing.T, made template, behavior any) object {
	t.Helper()
	got := object{}
	id := at(behavior, "ResponseHeadersPolicyId")
	if id == nil {
		return got
	}
	config := at(made["AWS::CloudFront::ResponseHeadersPolicy"][reference(id)], "ResponseHeadersPolicyConfig")
	for _, h := range items(at(config, "CustomHeadersConfig", "Items")) {
		if at(h, "Override") != true {
			t.Errorf("%v gives way to the origin's", h)
		}
		got[fmt.Sprint(at(h, "Header"))] = at(h, "Value")
	}
	security, _ := at(config, "SecurityHeadersConfig").(object)
	maps.Copy(got, security)
	return got
}

// names are the headers of the file as CloudFront has them.
var names = map[string]string{
	"x_xss_protection": "XSSProtection", "referrer_policy": "ReferrerPolicy",
	"permissions_policy": "Permissions-Policy", "x_robots_tag": "X-Robots-Tag",
}

func TestHeadersAreTheFiles(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		var want []string
		for name := range env.Edge.ResponseHeaders {
			want = append(want, names[name])
		}
		slices.Sort(want)
		for i, b := range append(made.behaviors(t), at(made.distribution(t), "DefaultCacheBehavior")) {
			got := headers(t, made, b)
			if value, ok := got["Cache-Control"]; ok != (i < len(env.Edge.Static) && env.Edge.Static[i].CacheControl != "") {
				t.Errorf("%v has Cache-Control %v", at(b, "PathPattern"), value)
			} else if ok && value != env.Edge.Static[i].CacheControl {
				t.Errorf("%v has Cache-Control %v, want %q", at(b, "PathPattern"), value, env.Edge.Static[i].CacheControl)
			}
			delete(got, "Cache-Control")
			want := slices.Clone(want)
			if i < len(env.Edge.Static) {
				// All environments here have a listener that sets these on what passes it.
				want = append(want, "ContentSecurityPolicy", "ContentTypeOptions", "FrameOptions", "StrictTransportSecurity")
				slices.Sort(want)
			}
			if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
				t.Errorf("%v has %q, want %q", at(b, "PathPattern"), keys, want)
			}
		}
	})
}

func TestHeaderValues(t *testing.T) {
	_, made := build(t, propsOf(load(t, "testdata/every.yaml")))
	want := parse(t, `{
		"XSSProtection": {"Protection": true, "ModeBlock": true, "Override": true},
		"ReferrerPolicy": {"ReferrerPolicy": "strict-origin-when-cross-origin", "Override": true},
		"Permissions-Policy": "camera=()",
		"X-Robots-Tag": "noindex"
	}`)
	if diff := cmp.Diff(want, any(headers(t, made, at(made.distribution(t), "DefaultCacheBehavior")))); diff != "" {
		t.Error(diff)
	}
}

// TestFilesAreAsSafeAsAnswers: files do not pass the listener that makes answers safe.
func TestFilesAreAsSafeAsAnswers(t *testing.T) {
	for value, want := range map[string]string{
		"max-age=60":                              `{"AccessControlMaxAgeSec": 60, "IncludeSubdomains": false, "Preload": false, "Override": true}`,
		"max-age=31536000; includeSubDomains":     `{"AccessControlMaxAgeSec": 31536000, "IncludeSubdomains": true, "Preload": false, "Override": true}`,
		`Max-Age="0" ; PRELOAD;includesubdomains`: `{"AccessControlMaxAgeSec": 0, "IncludeSubdomains": true, "Preload": true, "Override": true}`,
	} {
		env := load(t, files[0])
		env.Edge.ResponseHeaders = nil
		for i := range env.LoadBalancer.Listeners {
			if l := &env.LoadBalancer.Listeners[i]; l.Protocol == spec.ProtocolHTTPS {
				l.ResponseHeaders = spec.ResponseHeaders{
					StrictTransportSecurity: value, XContentTypeOptions: "nosniff", XFrameOptions: "SAMEORIGIN", ContentSecurityPolicy: "default-src 'none'",
				}
			}
		}
		_, made := build(t, propsOf(env))
		got := headers(t, made, made.behaviors(t)[0])
		delete(got, "Cache-Control")
		all := object{
			"StrictTransportSecurity": parse(t, want),
			"ContentTypeOptions":      parse(t, `{"Override": true}`),
			"FrameOptions":            parse(t, `{"FrameOption": "SAMEORIGIN", "Override": true}`),
			"ContentSecurityPolicy":   parse(t, `{"ContentSecurityPolicy": "default-src 'none'", "Override": true}`),
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
}

func TestXSSProtection(t *testing.T) {
	for value, want := range map[string]string{
		"0":                          `{"Protection": false, "Override": true}`,
		"1":                          `{"Protection": true, "Override": true}`,
		"1;mode=block":               `{"Protection": true, "ModeBlock": true, "Override": true}`,
		"1; report=https://x.test/r": `{"Protection": true, "ReportUri": "https://x.test/r", "Override": true}`,
	} {
		env := load(t, files[2])
		env.Edge.ResponseHeaders = map[string]string{"x_xss_protection": value}
		_, made := build(t, propsOf(env))
		got := headers(t, made, at(made.distribution(t), "DefaultCacheBehavior"))
		if diff := cmp.Diff(object{"XSSProtection": parse(t, want)}, got); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
}

// TestFilesHaveTheirOwnCacheControl when the edge sets one on all answers.
func TestFilesHaveTheirOwnCacheControl(t *testing.T) {
	env := load(t, files[0])
	env.Edge.ResponseHeaders = map[string]string{"cache_control": "no-store"}
	_, made := build(t, propsOf(env))
	for i, s := range env.Edge.Static {
		if got := headers(t, made, made.behaviors(t)[i]); got["Cache-Control"] != s.CacheControl {
			t.Errorf("%s: %v", s.Path, got)
		}
	}
	if got := headers(t, made, at(made.distribution(t), "DefaultCacheBehavior")); got["Cache-Control"] != "no-store" {
		t.Errorf("elsewhere: %v", got)
	}
}
