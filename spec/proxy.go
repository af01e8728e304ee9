package spec

// Proxy says how the container binds and logs; the CDK app ignores it.
type Proxy struct {
	// Bind maps a listener's name to the address it listens on. Default 0.0.0.0:<port>
	// (or [::]:<port> when ip_address_type is dualstack).
	Bind  map[string]string `yaml:"bind"`
	Admin Admin             `yaml:"admin"`
	// ServerName is what `Server` says on answers the load balancer makes. Default awselb/2.0.
	ServerName string `yaml:"server_name"`
	// StickinessKeys encrypt stickiness cookies: the first seals, all open. Each is a secret of
	// at least 32 bytes, or file:PATH or env:NAME. Empty: a random key per process.
	StickinessKeys []Secret `yaml:"stickiness_keys"`
	AccessLog      LogFile  `yaml:"access_log"`
	ConnectionLog  LogFile  `yaml:"connection_log"`
	HealthCheckLog LogFile  `yaml:"health_check_log"`
	TrustedProxies []string `yaml:"trusted_proxies"`
	// MaxConnections bounds open client connections; more are refused and counted. Default 65536.
	MaxConnections int `yaml:"max_connections"`
}

// Secret is a value that print masks.
type Secret string

// Admin is the operator's listener: metrics, status, health, reload.
type Admin struct {
	// Listen is host:port. Default 127.0.0.1:8404.
	Listen string `yaml:"listen"`
}

// LogFile says where a log goes.
type LogFile struct {
	// Path of the file, or `off`.
	Path string `yaml:"path"`
	// Format is alb, json or combined (access log only).
	Format string `yaml:"format"`
}

// Values of LogFile.
const (
	LogOff            = "off"
	LogFormatALB      = "alb"
	LogFormatJSON     = "json"
	LogFormatCombined = "combined"
)
