package spec

// Protocols of listeners and target groups.
const (
	ProtocolHTTP  = "HTTP"
	ProtocolHTTPS = "HTTPS"
)

// Listener is one ALB listener.
type Listener struct {
	Name     string `yaml:"name"`
	Port     int    `yaml:"port"`
	Protocol string `yaml:"protocol"`
	// SSLPolicy is the AWS name of the security policy; HTTPS only.
	SSLPolicy string `yaml:"ssl_policy"`
	// Certificates name entries of Environment.Certificates; the first is the default certificate.
	Certificates []string `yaml:"certificates"`
	// ServerHeader is routing.http.response.server.enabled: whether answers made by the
	// load balancer carry `Server`. Default true.
	ServerHeader    bool            `yaml:"server_header"`
	ResponseHeaders ResponseHeaders `yaml:"response_headers"`
	Rules           []Rule          `yaml:"rules"`
	DefaultAction   Action          `yaml:"default_action"`
}

// ResponseHeaders are the ten response headers an ALB listener can set; empty is not managed.
type ResponseHeaders struct {
	StrictTransportSecurity       string `yaml:"strict_transport_security"`
	AccessControlAllowOrigin      string `yaml:"access_control_allow_origin"`
	AccessControlAllowMethods     string `yaml:"access_control_allow_methods"`
	AccessControlAllowHeaders     string `yaml:"access_control_allow_headers"`
	AccessControlAllowCredentials string `yaml:"access_control_allow_credentials"`
	AccessControlExposeHeaders    string `yaml:"access_control_expose_headers"`
	AccessControlMaxAge           string `yaml:"access_control_max_age"`
	ContentSecurityPolicy         string `yaml:"content_security_policy"`
	XContentTypeOptions           string `yaml:"x_content_type_options"`
	XFrameOptions                 string `yaml:"x_frame_options"`
}
