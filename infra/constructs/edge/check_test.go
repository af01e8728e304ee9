package edge_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/edge"
	"github.com/evenkeel/evenkeel/spec"
)

// TestErrorPages also tells that no error is kept: CloudFront keeps them for ten seconds
// where nothing is said.
func TestErrorPages(t *testing.T) {
	eachFile(t, func(t *testing.T, env *spec.Environment, made template) {
		pages := map[string]string{}
		for _, status := range []string{"404", "414", "500", "501", "502", "503", "504"} {
			pages[status] = ""
		}
		if len(env.Edge.ErrorPages) > 0 {
			pages["404"], pages["416"], pages["503"] = "/errors/404.html", "/static/416.html", "/errors/sub/503.html"
		}
		for _, r := range items(at(made.distribution(t), "CustomErrorResponses")) {
			status := fmt.Sprint(at(r, "ErrorCode"))
			want, ok := pages[status]
			if !ok || at(r, "ErrorCachingMinTTL") != 0.0 {
				t.Errorf("response %v", r)
			}
			delete(pages, status)
			page, code := at(r, "ResponsePagePath"), at(r, "ResponseCode")
			if want == "" {
				if page != nil || code != nil {
					t.Errorf("%s has page %v", status, page)
				}
				continue
			}
			if n, _ := strconv.Atoi(status); page != want || code != float64(n) {
				t.Errorf("%s has page %v with status %v, want %s", status, page, code, want)
			}
		}
		if len(pages) > 0 {
			t.Errorf("nothing is said of %v", pages)
		}
	})
}

func TestChecksPass(t *testing.T) {
	for _, file := range files {
		if err := edge.Check(load(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestCheckTellsAll(t *testing.T) {
	env := load(t, "testdata/refused.yaml")
	env.Domain = ""
	for i := range 72 {
		env.Edge.Cache = append(env.Edge.Cache, spec.CacheBehavior{Path: fmt.Sprintf("/more/%d", i)})
	}
	err := edge.Check(env)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		"domain: is missing",
		"edge: static and cache have more paths than a distribution (got 76, want at most 75)",
		"edge.cache[0].key.headers: are more than CloudFront tells answers apart by (got 11 with Host, want at most 10)",
		`edge.response_headers.x_xss_protection: is none that CloudFront sets (got "yes"`,
		`edge.response_headers.referrer_policy: is none that CloudFront sets (got "never"`,
		"edge.response_headers: are more than CloudFront sets on an answer (got 11 with Cache-Control of files, want at most 10)",
		// In no directory; in one whose pattern it does not match; in one whose path another
		// serves; in the directory of a path that is one file.
		`edge.error_pages.400: is served by no path of edge.static, where CloudFront fetches pages (got "pages/400.html"`,
		`edge.error_pages.404: is served by no path of edge.static, where CloudFront fetches pages (got "static/404.html"`,
		`edge.error_pages.500: is served by no path of edge.static, where CloudFront fetches pages (got "site/extra.css"`,
		`edge.error_pages.503: is served by no path of edge.static, where CloudFront fetches pages (got "public/503.html"`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d problems, want %d: %v", len(lines), len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%s\nwant\n%s", line, want[i])
		}
	}
}

func TestPropsAreChecked(t *testing.T) {
	env := load(t, files[0])
	_, stack := newStack(t, env)
	_, err := edge.New(stack, "Edge", edge.Props{Environment: env, OriginDomain: originDomain})
	want := "dns.zone_id: is missing (got none, want the hosted zone that proves the domain for the edge's certificate)\n" +
		"edge: no bucket is given for the files of /static/*\n" +
		"edge: no bucket is given for the files of /media/*"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if n := len(*stack.Node().Children()); n != 0 {
		t.Errorf("%d constructs of a refused edge", n)
	}
}
