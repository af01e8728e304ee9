package spec

import "fmt"

// Protocols of listeners and target groups.
const (
	ProtocolHTTP  = "HTTP"
	ProtocolHTTPS = "HTTPS"
)

// Listener is one ALB listener.
type Listener struct {
	// Name of the listener, which proxy.bind and logs go by; unique.
	Name string `yaml:"name"`
	// Port that takes requests: 1 to 65535, unique.
	Port int `yaml:"port"`
	// Protocol is HTTP or HTTPS.
	Protocol string `yaml:"protocol"`
	// SSLPolicy is the AWS name of the security policy; HTTPS only. Default
	// ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09.
	SSLPolicy string `yaml:"ssl_policy"`
	// Certificates name entries of Environment.Certificates; the first is the default
	// certificate. HTTPS listeners have at least one, HTTP listeners none.
	Certificates []string `yaml:"certificates"`
	// ServerHeader says whether answers made by the load balancer carry `Server`. Default
	// true. ALB: routing.http.response.server.enabled.
	ServerHeader bool `yaml:"server_header"`
	// ResponseHeaders are set on every answer of the listener. ALB: header modification.
	ResponseHeaders ResponseHeaders `yaml:"response_headers"`
	// Rules are tried by priority; the first that matches decides.
	Rules []Rule `yaml:"rules"`
	// DefaultAction is what happens to requests that no rule matches.
	DefaultAction Action `yaml:"default_action"`
}

func (l *Listener) setDefaults() { l.ServerHeader = true }

func (l *Listener) limits() limits {
	return limits{
		"name":         required(like(nameShape, nameWords)),
		"port":         between(1, MaxPort),
		"protocol":     required(oneOf(ProtocolHTTP, ProtocolHTTPS)),
		"ssl_policy":   oneOf(SSLPolicies()...),
		"certificates": atMost(MaxCertificates + 1),
		"rules":        atMost(MaxRules),
	}
}

// MaxPort is the highest TCP port.
const MaxPort = 65535

// Complete fills in what follows from other values.
func (l *Listener) Complete() {
	if l.Protocol == ProtocolHTTPS && l.SSLPolicy == "" {
		l.SSLPolicy = DefaultSSLPolicy
	}
}

// placedAction is an action and its path under the listener.
type placedAction struct {
	action *Action
	path   string
}

// actions are those of the rules and the default action.
func (l *Listener) actions() []placedAction {
	list := make([]placedAction, 0, len(l.Rules)+1)
	for i := range l.Rules {
		list = append(list, placedAction{&l.Rules[i].Action, field(element("rules", i), "action")})
	}
	return append(list, placedAction{&l.DefaultAction, "default_action"})
}

func (l *Listener) check(c *checker, path string) {
	switch l.Protocol {
	case ProtocolHTTP:
		if l.SSLPolicy != "" {
			c.refuse(field(path, "ssl_policy"), "is for HTTPS listeners", quote(l.SSLPolicy), "no such key, or protocol HTTPS")
		}
		if len(l.Certificates) > 0 {
			c.refuse(field(path, "certificates"), "are for HTTPS listeners", fmt.Sprint(len(l.Certificates)), "no such key, or protocol HTTPS")
		}
	case ProtocolHTTPS:
		if len(l.Certificates) == 0 {
			c.refuse(field(path, "certificates"), "is missing", "", "at least one, as the listener speaks HTTPS")
		}
	}
	named := map[string]string{}
	for i, name := range l.Certificates {
		at := element(field(path, "certificates"), i)
		c.unique(named, name, at)
		if _, ok := c.env.Certificates[name]; !ok && !c.isUnread("certificates") {
			c.refuse(at, "no certificate has that name", quote(name), "one of certificates")
		}
	}
	names, priorities := map[string]string{}, map[string]string{}
	for i := range l.Rules {
		at := element(field(path, "rules"), i)
		c.unique(names, l.Rules[i].Name, field(at, "name"))
		if p := fmt.Sprint(l.Rules[i].Priority); priorities[p] != "" {
			c.refuse(field(at, "priority"), "is taken by "+priorities[p], p, "a priority of its own")
		} else {
			priorities[p] = field(at, "priority")
		}
	}
	for _, a := range l.actions() {
		l.checkAction(c, a.action, field(path, a.path))
	}
}

// checkAction checks what an action may do on this listener only.
func (l *Listener) checkAction(c *checker, a *Action, path string) {
	for i, f := range a.Forward {
		g := c.env.TargetGroup(f.TargetGroup)
		if g == nil || l.Protocol != ProtocolHTTP {
			continue
		}
		if g.ProtocolVersion == ProtocolVersionHTTP2 || g.ProtocolVersion == ProtocolVersionGRPC {
			c.refuse(field(element(field(path, "forward"), i), "target_group"), "is a target group for HTTPS listeners only",
				fmt.Sprintf("protocol_version %s", g.ProtocolVersion), "a group of HTTP1, or a listener of HTTPS")
		}
	}
	if r := a.Redirect; r != nil {
		r.checkOn(c, l, field(path, "redirect"))
	}
}

// ResponseHeaders are the ten response headers an ALB listener can set; empty is not
// managed. A value replaces the target's header, on answers of every status, and has at
// most 1024 bytes.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html
type ResponseHeaders struct {
	// StrictTransportSecurity is the value of Strict-Transport-Security.
	// ALB: routing.http.response.strict_transport_security.header_value.
	StrictTransportSecurity string `yaml:"strict_transport_security"`
	// AccessControlAllowOrigin is the value of Access-Control-Allow-Origin.
	// ALB: routing.http.response.access_control_allow_origin.header_value.
	AccessControlAllowOrigin string `yaml:"access_control_allow_origin"`
	// AccessControlAllowMethods is the value of Access-Control-Allow-Methods.
	// ALB: routing.http.response.access_control_allow_methods.header_value.
	AccessControlAllowMethods string `yaml:"access_control_allow_methods"`
	// AccessControlAllowHeaders is the value of Access-Control-Allow-Headers.
	// ALB: routing.http.response.access_control_allow_headers.header_value.
	AccessControlAllowHeaders string `yaml:"access_control_allow_headers"`
	// AccessControlAllowCredentials is "true", the only value that the header has.
	// ALB: routing.http.response.access_control_allow_credentials.header_value.
	AccessControlAllowCredentials string `yaml:"access_control_allow_credentials"`
	// AccessControlExposeHeaders is the value of Access-Control-Expose-Headers.
	// ALB: routing.http.response.access_control_expose_headers.header_value.
	AccessControlExposeHeaders string `yaml:"access_control_expose_headers"`
	// AccessControlMaxAge is the value of Access-Control-Max-Age, in seconds.
	// ALB: routing.http.response.access_control_max_age.header_value.
	AccessControlMaxAge string `yaml:"access_control_max_age"`
	// ContentSecurityPolicy is the value of Content-Security-Policy.
	// ALB: routing.http.response.content_security_policy.header_value.
	ContentSecurityPolicy string `yaml:"content_security_policy"`
	// XContentTypeOptions is nosniff, the only value that the header has.
	// ALB: routing.http.response.x_content_type_options.header_value.
	XContentTypeOptions string `yaml:"x_content_type_options"`
	// XFrameOptions is DENY, SAMEORIGIN or ALLOW-FROM with an origin.
	// ALB: routing.http.response.x_frame_options.header_value.
	XFrameOptions string `yaml:"x_frame_options"`
}

// MaxResponseHeader bounds a value of ResponseHeaders, in bytes.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html
const MaxResponseHeader = 1024

func (h *ResponseHeaders) limits() limits {
	value := both(like(valueShape, "visible ASCII and spaces inside"), length(MaxResponseHeader))
	all := limits{}
	for _, key := range keysOf(typeOf(h)) {
		all[key] = value
	}
	all["access_control_allow_credentials"] = oneOf("true")
	all["access_control_max_age"] = like(maxAgeShape, "seconds, such as 86400")
	all["x_content_type_options"] = oneOf("nosniff")
	all["x_frame_options"] = like(frameShape, "DENY, SAMEORIGIN or ALLOW-FROM and an origin")
	return all
}
