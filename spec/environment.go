package spec

// Environment is one effective environment file: defaults, then the base that
// `extends` names, then the file itself. Callers never write to it once loaded.
type Environment struct {
	// Name of the environment: the file's base name without its ending.
	Name string `yaml:"-"`
	// App names the application; stacks, resources and the load balancer carry it.
	App string `yaml:"app"`
	// Domain is the public host name.
	Domain       string                 `yaml:"domain"`
	LoadBalancer LoadBalancer           `yaml:"load_balancer"`
	Certificates map[string]Certificate `yaml:"certificates"`
	TargetGroups []TargetGroup          `yaml:"target_groups"`
	Proxy        Proxy                  `yaml:"proxy"`
}
