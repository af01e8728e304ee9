package edge

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/jsii-runtime-go"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// cachedErrors are the statuses that CloudFront keeps for ten seconds unless told.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
var cachedErrors = []string{"404", "414", "500", "501", "502", "503", "504"}

// errorCachingSeconds is how long an error is kept: not at all. CloudFront keeps most even
// where caching is off and the answer says no-store, so that one client's error would be
// everyone's, and outlast its cause.
const errorCachingSeconds = 0

// errorResponses are the pages of the file, and for errors without one that none is kept.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/GeneratingCustomErrorResponses.html
func errorResponses(env *spec.Environment) any {
	statuses := slices.Concat(cachedErrors, slices.Collect(maps.Keys(env.Edge.ErrorPages)))
	slices.Sort(statuses)
	var list []any
	for _, status := range slices.Compact(statuses) {
		code, err := strconv.Atoi(status)
		if err != nil {
			continue // the environment file was refused
		}
		response := &cf.CfnDistribution_CustomErrorResponseProperty{
			ErrorCode:          jsii.Number(code),
			ErrorCachingMinTtl: jsii.Number(errorCachingSeconds),
		}
		if file, ok := env.Edge.ErrorPages[status]; ok {
			if page, found := pageOf(env.Edge.Static, file); found {
				response.ResponseCode, response.ResponsePagePath = jsii.Number(code), &page
			}
		}
		list = append(list, response)
	}
	return convert.Union(list...)
}

// pageOf is the path under which edge.static serves the file, if it does: CloudFront has no
// other place to fetch a page from.
func pageOf(static []spec.Static, file string) (string, bool) {
	for _, s := range static {
		relative, inside := strings.CutPrefix(path.Clean(file), path.Clean(s.Directory)+"/")
		prefix, _, _ := strings.Cut(s.Path, "*")
		prefix, _, _ = strings.Cut(prefix, "?")
		page := prefix + relative
		if !strings.ContainsAny(s.Path, "*?") {
			// One file, named as the path.
			page = s.Path
			inside = inside && path.Base(s.Path) == relative
		}
		// The first path that matches decides, which may be another's.
		first := slices.IndexFunc(static, func(s spec.Static) bool { return matches(s.Path, page) })
		if inside && first >= 0 && static[first].Path == s.Path {
			return page, true
		}
	}
	return "", false
}

// matches tells whether a path pattern has the path: * is any characters, ? any one.
func matches(pattern, p string) bool {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
	return regexp.MustCompile(`^` + expression + `$`).MatchString(p)
}

// checkErrorPages tells which pages CloudFront could not fetch.
func checkErrorPages(edge *spec.Edge) []error {
	var problems []error
	for _, status := range slices.Sorted(maps.Keys(edge.ErrorPages)) {
		file := edge.ErrorPages[status]
		if _, found := pageOf(edge.Static, file); !found {
			problems = append(problems, fmt.Errorf("edge.error_pages.%s: is served by no path of edge.static, where CloudFront fetches pages (got %q, want a file in the directory of one)", status, file))
		}
	}
	return problems
}
