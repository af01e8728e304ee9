package elbv2api

// The shapes of AWS's API model that requests and answers share. Fields have AWS's names,
// which are those of the parameters and of the elements of XML.

// tag is a key and a value on a resource.
type tag struct {
	Key   string `aws:"required 1..128"`
	Value string `aws:"0..256"`
}

// certificate is one of a listener.
type certificate struct {
	CertificateArn string `aws:"0..2048"`
	IsDefault      *bool  `xml:",omitempty"`
}

// attribute is a setting of a load balancer, listener or target group.
type attribute struct {
	Key   string `aws:"0..256"`
	Value string `aws:"0..1024"`
}

// targetGroupTuple is one share of a forward action.
type targetGroupTuple struct {
	TargetGroupArn string
	Weight         *int
}

type targetGroupStickinessConfig struct {
	Enabled         *bool
	DurationSeconds *int `xml:",omitempty"`
}

type forwardActionConfig struct {
	TargetGroups                members[targetGroupTuple]
	TargetGroupStickinessConfig *targetGroupStickinessConfig `xml:",omitempty"`
}

type redirectActionConfig struct {
	Protocol   string
	Port       string
	Host       string `aws:"1..128"`
	Path       string `aws:"1..128"`
	Query      string `aws:"0..128"`
	StatusCode string `aws:"required HTTP_301|HTTP_302"`
}

type fixedResponseActionConfig struct {
	MessageBody string `xml:",omitempty" aws:"0..1024"`
	StatusCode  string `aws:"required"`
	ContentType string `xml:",omitempty" aws:"0..32"`
}

// action is what a rule or a listener does.
type action struct {
	Type                string                     `aws:"required forward|authenticate-oidc|authenticate-cognito|redirect|fixed-response|jwt-validation"`
	TargetGroupArn      string                     `xml:",omitempty"`
	Order               *int                       `xml:",omitempty" aws:"1..50000"`
	RedirectConfig      *redirectActionConfig      `xml:",omitempty"`
	FixedResponseConfig *fixedResponseActionConfig `xml:",omitempty"`
	ForwardConfig       *forwardActionConfig       `xml:",omitempty"`
}

// patternConfig is what host-header and path-pattern conditions have.
type patternConfig struct {
	Values      members[string]
	RegexValues members[string] `xml:",omitempty"`
}

type httpHeaderConfig struct {
	HttpHeaderName string
	Values         members[string]
	RegexValues    members[string] `xml:",omitempty"`
}

type queryStringKeyValuePair struct {
	Key   string `xml:",omitempty"`
	Value string
}

type queryStringConfig struct {
	Values members[queryStringKeyValuePair]
}

type valuesConfig struct {
	Values members[string]
}

// ruleCondition is one condition of a rule.
type ruleCondition struct {
	Field                   string `aws:"0..64"`
	Values                  members[string]
	HostHeaderConfig        *patternConfig     `xml:",omitempty"`
	PathPatternConfig       *patternConfig     `xml:",omitempty"`
	HttpHeaderConfig        *httpHeaderConfig  `xml:",omitempty"`
	QueryStringConfig       *queryStringConfig `xml:",omitempty"`
	HttpRequestMethodConfig *valuesConfig      `xml:",omitempty"`
	SourceIpConfig          *valuesConfig      `xml:",omitempty"`
	RegexValues             members[string]    `xml:",omitempty"`
}

type rewriteConfig struct {
	Regex   string `aws:"required"`
	Replace string `aws:"required"`
}

type rewriteConfigObject struct {
	Rewrites members[rewriteConfig]
}

// ruleTransform rewrites what a rule forwards.
type ruleTransform struct {
	Type                    string               `aws:"required host-header-rewrite|url-rewrite"`
	HostHeaderRewriteConfig *rewriteConfigObject `xml:",omitempty"`
	UrlRewriteConfig        *rewriteConfigObject `xml:",omitempty"`
}

// matcher says which codes of a health check are good.
type matcher struct {
	HttpCode string `xml:",omitempty"`
	GrpcCode string `xml:",omitempty"`
}

// targetDescription names a target of a group.
type targetDescription struct {
	Id               string `aws:"required"`
	Port             *int   `xml:",omitempty" aws:"1..65535"`
	AvailabilityZone string `xml:",omitempty" aws:"0..64"`
}

// subnetMapping is a subnet of a load balancer, in the longer form.
type subnetMapping struct {
	SubnetId           string
	AllocationId       string
	PrivateIPv4Address string
	IPv6Address        string
}

// page is what actions that list take.
type page struct {
	Marker   string
	PageSize *int
}
