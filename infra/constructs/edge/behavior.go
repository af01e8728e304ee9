package edge

import (
	"strconv"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	cf "github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/evenkeel/evenkeel/infra/convert"
	"github.com/evenkeel/evenkeel/spec"
)

// Methods of requests. CloudFront takes all seven, or fewer in these sets only.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
var (
	allMethods    = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
	fileMethods   = []string{"GET", "HEAD", "OPTIONS"}
	cachedMethods = []string{"GET", "HEAD"}
)

// toHTTPS redirects requests that come by HTTP.
const toHTTPS = "redirect-to-https"

// behaviors makes the behaviours of a distribution and the policies that they share.
type behaviors struct {
	env *spec.Environment
	// cachePolicies and headerPolicies are where policies are made: accounts have twenty of
	// either, so that equal ones are made once.
	cachePolicies, headerPolicies constructs.Construct
	fileCaching                   map[int]*string
	headers                       map[string]*string
}

func newBehaviors(this constructs.Construct, env *spec.Environment) *behaviors {
	return &behaviors{
		env:            env,
		cachePolicies:  constructs.NewConstruct(this, new("CachePolicies")),
		headerPolicies: constructs.NewConstruct(this, new("HeaderPolicies")),
		fileCaching:    map[int]*string{},
		headers:        map[string]*string{},
	}
}

// paths are the behaviours of edge.static and, after them, of edge.cache.
func (b *behaviors) paths(props Props) any {
	edge := &b.env.Edge
	var list []any
	for _, s := range edge.Static {
		list = append(list, &cf.CfnDistribution_CacheBehaviorProperty{
			PathPattern:          new(s.Path),
			TargetOriginId:       new(props.files(s.Path).BucketName),
			ViewerProtocolPolicy: new(toHTTPS),
			AllowedMethods:       convert.Strings(fileMethods),
			CachedMethods:        convert.Strings(cachedMethods),
			Compress:             &edge.Compression.Enabled,
			CachePolicyId:        b.filePolicy(s.CacheControl),
			// No origin request policy: S3 wants its own Host, which CloudFront signs.
			ResponseHeadersPolicyId: b.fileHeadersPolicy(s.CacheControl),
		})
	}
	for i := range edge.Cache {
		list = append(list, &cf.CfnDistribution_CacheBehaviorProperty{
			PathPattern:             new(edge.Cache[i].Path),
			TargetOriginId:          new(loadBalancerOrigin),
			ViewerProtocolPolicy:    new(toHTTPS),
			AllowedMethods:          convert.Strings(allMethods),
			CachedMethods:           convert.Strings(cachedMethods),
			Compress:                &edge.Compression.Enabled,
			CachePolicyId:           b.cachePolicy(&edge.Cache[i]),
			OriginRequestPolicyId:   cf.OriginRequestPolicy_ALL_VIEWER().OriginRequestPolicyId(),
			ResponseHeadersPolicyId: b.headersPolicy(),
		})
	}
	return convert.Union(list...)
}

// all is the behaviour for every other path: the load balancer, nothing kept, and requests
// as the client sent them, Host too, by which rules and the application decide.
//
// What is not kept CloudFront does not compress, whatever Compress says. A policy that kept
// answers for a second would, but it also makes one of simultaneous equal requests, and
// would so give one visitor's Set-Cookie to another.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
func (b *behaviors) all() *cf.CfnDistribution_DefaultCacheBehaviorProperty {
	return &cf.CfnDistribution_DefaultCacheBehaviorProperty{
		TargetOriginId:          new(loadBalancerOrigin),
		ViewerProtocolPolicy:    new(toHTTPS),
		AllowedMethods:          convert.Strings(allMethods),
		CachedMethods:           convert.Strings(cachedMethods),
		Compress:                &b.env.Edge.Compression.Enabled,
		CachePolicyId:           cf.CachePolicy_CACHING_DISABLED().CachePolicyId(),
		OriginRequestPolicyId:   cf.OriginRequestPolicy_ALL_VIEWER().OriginRequestPolicyId(),
		ResponseHeadersPolicyId: b.headersPolicy(),
	}
}

// filePolicy keeps files as long as their Cache-Control says, and tells them apart by path
// alone. CloudFront itself does not heed a header that a policy adds, hence the lifetime.
func (b *behaviors) filePolicy(cacheControl string) *string {
	kept := lifetime(cacheControl)
	seconds := int(kept.Seconds())
	if b.fileCaching[seconds] == nil {
		b.fileCaching[seconds] = b.newCachePolicy("files-"+strconv.Itoa(seconds), &spec.CacheBehavior{
			DefaultTTL: kept,
			MaxTTL:     max(kept, maxFileTTL),
		}, nil)
	}
	return b.fileCaching[seconds]
}

// cachePolicy keeps answers of targets as the file says. Host is in the key, as the
// distribution also answers to CloudFront's own name of it.
func (b *behaviors) cachePolicy(c *spec.CacheBehavior) *string {
	return b.newCachePolicy(c.Path, c, keyHeaders(&c.Key))
}

// newCachePolicy makes a policy. Whether clients accept gzip and Brotli is always in the
// key: where CloudFront does not compress, a target may.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-cachepolicy.html
func (b *behaviors) newCachePolicy(id string, c *spec.CacheBehavior, headers []string) *string {
	scope := constructs.NewConstruct(b.cachePolicies, &id)
	key := &cf.CfnCachePolicy_ParametersInCacheKeyAndForwardedToOriginProperty{
		EnableAcceptEncodingGzip:   new(true),
		EnableAcceptEncodingBrotli: new(true),
		HeadersConfig:              &cf.CfnCachePolicy_HeadersConfigProperty{HeaderBehavior: listed(headers), Headers: convert.Strings(headers)},
		CookiesConfig:              &cf.CfnCachePolicy_CookiesConfigProperty{CookieBehavior: listed(c.Key.Cookies), Cookies: names(c.Key.Cookies)},
		QueryStringsConfig:         &cf.CfnCachePolicy_QueryStringsConfigProperty{QueryStringBehavior: listed(c.Key.Query), QueryStrings: names(c.Key.Query)},
	}
	return cf.NewCfnCachePolicy(scope, new("Resource"), &cf.CfnCachePolicyProps{
		CachePolicyConfig: &cf.CfnCachePolicy_CachePolicyConfigProperty{
			Name:                                     policyName(scope),
			MinTtl:                                   convert.Seconds(c.MinTTL),
			DefaultTtl:                               convert.Seconds(c.DefaultTTL),
			MaxTtl:                                   convert.Seconds(c.MaxTTL),
			ParametersInCacheKeyAndForwardedToOrigin: key,
		},
	}).Ref()
}

// listed is how CloudFront says whether names follow.
func listed(names []string) *string {
	switch {
	case len(names) == 0:
		return new("none")
	case names[0] == spec.CacheKeyAll:
		return new("all")
	}
	return new("whitelist")
}

// names are those that CloudFront wants listed: none where all are meant.
func names(list []string) *[]*string {
	if len(list) > 0 && list[0] == spec.CacheKeyAll {
		return nil
	}
	return convert.Strings(list)
}

// policyName is a name that no other policy of the account has, as CloudFront wants one.
func policyName(scope constructs.Construct) *string {
	return cdk.Names_UniqueResourceName(scope, &cdk.UniqueResourceNameOptions{Separator: new("-")})
}
