package spec

import "time"

// LoadBalancer describes the Application Load Balancer.
type LoadBalancer struct {
	// Name of the load balancer; at most 32 letters, digits and hyphens. Default: `<app>-<environment>`.
	Name          string                 `yaml:"name"`
	Scheme        string                 `yaml:"scheme"`
	IPAddressType string                 `yaml:"ip_address_type"`
	Attributes    LoadBalancerAttributes `yaml:"attributes"`
	Listeners     []Listener             `yaml:"listeners"`
}

// LoadBalancerAttributes are the ALB attributes, with ALB's defaults and ranges.
type LoadBalancerAttributes struct {
	IdleTimeout             time.Duration `yaml:"idle_timeout"`
	ClientKeepAlive         time.Duration `yaml:"client_keep_alive"`
	DesyncMitigationMode    string        `yaml:"desync_mitigation_mode"`
	DropInvalidHeaderFields bool          `yaml:"drop_invalid_header_fields"`
	XFFHeaderProcessingMode string        `yaml:"xff_header_processing_mode"`
	XFFClientPort           bool          `yaml:"xff_client_port"`
	PreserveHostHeader      bool          `yaml:"preserve_host_header"`
	HTTP2                   bool          `yaml:"http2"`
	// TLSVersionAndCipherSuite is routing.http.x_amzn_tls_version_and_cipher_suite.enabled.
	TLSVersionAndCipherSuite bool `yaml:"x_amzn_tls_version_and_cipher_suite"`
}

// Values of LoadBalancerAttributes.DesyncMitigationMode.
const (
	DesyncMonitor   = "monitor"
	DesyncDefensive = "defensive"
	DesyncStrictest = "strictest"
)

// Values of LoadBalancerAttributes.XFFHeaderProcessingMode.
const (
	XFFAppend   = "append"
	XFFPreserve = "preserve"
	XFFRemove   = "remove"
)
