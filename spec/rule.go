package spec

import "time"

// Rule is one listener rule: conditions that must all hold, then one action.
type Rule struct {
	Name       string      `yaml:"name"`
	Priority   int         `yaml:"priority"`
	Conditions []Condition `yaml:"conditions"`
	Transforms Transforms  `yaml:"transforms"`
	Action     Action      `yaml:"action"`
}

// Condition is exactly one of its fields.
type Condition struct {
	HostHeader        Patterns         `yaml:"host_header"`
	PathPattern       Patterns         `yaml:"path_pattern"`
	HTTPHeader        HTTPHeader       `yaml:"http_header"`
	HTTPRequestMethod []string         `yaml:"http_request_method"`
	QueryString       []QueryStringKey `yaml:"query_string"`
	SourceIP          []string         `yaml:"source_ip"`
}

// Patterns holds wildcard values or regular expressions, never both. In the file a plain
// list is short for `values`.
type Patterns struct {
	Values      []string `yaml:"values"`
	RegexValues []string `yaml:"regex_values"`
}

// HTTPHeader matches one request header by name.
type HTTPHeader struct {
	Name        string   `yaml:"name"`
	Values      []string `yaml:"values"`
	RegexValues []string `yaml:"regex_values"`
}

// QueryStringKey matches a key/value pair of the query string; without a key, the value of any pair.
type QueryStringKey struct {
	Key   string `yaml:"key"`
	Value string `yaml:"value"`
}

// Transforms rewrite a matched request before it is forwarded.
type Transforms struct {
	HostHeaderRewrite Rewrite `yaml:"host_header_rewrite"`
	URLRewrite        Rewrite `yaml:"url_rewrite"`
}

// Rewrite replaces the first match of Regex by Replace, in which $1, $2 … are groups.
type Rewrite struct {
	Regex   string `yaml:"regex"`
	Replace string `yaml:"replace"`
}

// Action is exactly one of Forward, Redirect and FixedResponse.
type Action struct {
	Forward []WeightedTargetGroup `yaml:"forward"`
	// TargetGroupStickiness binds a client to the group chosen by weight; only with Forward.
	TargetGroupStickiness TargetGroupStickiness `yaml:"target_group_stickiness"`
	Redirect              *Redirect             `yaml:"redirect"`
	FixedResponse         *FixedResponse        `yaml:"fixed_response"`
}

// WeightedTargetGroup is one share of a forward action.
type WeightedTargetGroup struct {
	TargetGroup string `yaml:"target_group"`
	// Weight is 0-999, default 1; the share is Weight over the sum of weights.
	Weight int `yaml:"weight"`
}

// TargetGroupStickiness is on when Duration is above zero (1 s - 7 days).
type TargetGroupStickiness struct {
	Duration time.Duration `yaml:"duration"`
}

// Redirect answers with a Location; empty fields keep what the client sent.
type Redirect struct {
	Protocol   string `yaml:"protocol"`
	Host       string `yaml:"host"`
	Port       string `yaml:"port"`
	Path       string `yaml:"path"`
	Query      string `yaml:"query"`
	StatusCode string `yaml:"status_code"`
}

// Values of Redirect.StatusCode.
const (
	RedirectPermanent = "HTTP_301"
	RedirectFound     = "HTTP_302"
)

// FixedResponse answers without a target.
type FixedResponse struct {
	StatusCode  int    `yaml:"status_code"`
	ContentType string `yaml:"content_type"`
	MessageBody string `yaml:"message_body"`
}
