package refusal

import (
	"fmt"
	"strconv"

	"github.com/evenkeel/evenkeel/spec"
)

// setting is one that only the container has, and what AWS offers in its place.
type setting struct{ key, got, instead string }

// onlyHereCached is onlyHere for a path that is cached.
func onlyHereCached(p *spec.CacheProxyOnly) []setting {
	var list []setting
	if p.StaleWhileRevalidate > 0 {
		list = append(list, setting{"proxy_only.stale_while_revalidate", p.StaleWhileRevalidate.String(), "stale-while-revalidate in the Cache-Control of answers, which CloudFront heeds"})
	}
	if p.StaleIfError > 0 {
		list = append(list, setting{"proxy_only.stale_if_error", p.StaleIfError.String(), "stale-if-error in the Cache-Control of answers, which CloudFront heeds"})
	}
	if p.BypassOnCacheControl {
		list = append(list, setting{"proxy_only.bypass_on_cache_control", "true", "nothing: CloudFront heeds no Cache-Control of requests"})
	}
	return list
}

// onlyHere lists the settings of a target group that have an effect in the container and
// none on AWS.
func onlyHere(g *spec.TargetGroup) []setting {
	var list []setting
	add := func(inEffect bool, key, got, instead string) {
		if inEffect {
			list = append(list, setting{key, got, instead})
		}
	}
	p := &g.ProxyOnly
	switch p.Algorithm {
	case spec.SourceIPHash, spec.ConsistentHashing:
		add(true, "proxy_only.algorithm", p.Algorithm, "stickiness, which binds a client to a target by cookie")
	case spec.PowerOfTwoChoices, spec.LeastTime:
		add(true, "proxy_only.algorithm", p.Algorithm, "algorithm "+spec.LeastOutstandingRequests)
	}
	add(p.Queue.Depth > 0, "proxy_only.queue", strconv.Itoa(p.Queue.Depth), "target_control_port, with which requests beyond what targets take are refused at once")
	add(p.PassiveHealth.MaxFails > 0, "proxy_only.passive_health", fmt.Sprintf("%d failures", p.PassiveHealth.MaxFails),
		"algorithm "+spec.WeightedRandom+" with anomaly_mitigation, which gives less to targets that fail")
	add(p.Retries.Attempts > 0, "proxy_only.retries", fmt.Sprintf("%d attempts", p.Retries.Attempts), "nothing: an Application Load Balancer sends a request once")
	add(p.ConnectTimeout != spec.DefaultConnectTimeout, "proxy_only.connect_timeout", p.ConnectTimeout.String(), "the fixed 10s of an Application Load Balancer")
	add(p.SendTimeout > 0, "proxy_only.send_timeout", p.SendTimeout.String(), "load_balancer.attributes.idle_timeout, for all groups")
	add(p.ReadTimeout > 0, "proxy_only.read_timeout", p.ReadTimeout.String(), "load_balancer.attributes.idle_timeout, for all groups")
	add(p.TunnelTimeout > 0, "proxy_only.tunnel_timeout", p.TunnelTimeout.String(), "load_balancer.attributes.idle_timeout, for all groups and for WebSockets too")
	add(p.MaxRequestBody > 0, "proxy_only.max_request_body", strconv.Itoa(p.MaxRequestBody), "the application: an Application Load Balancer passes bodies of any size on")
	add(p.IdleConnections != spec.DefaultIdleConnections, "proxy_only.idle_connections", strconv.Itoa(p.IdleConnections), "nothing: an Application Load Balancer decides by itself")
	add(p.Cookie.Name != "", "proxy_only.cookie", p.Cookie.Name, "stickiness, with a cookie of the load balancer's")
	headers := len(p.Headers.Set) + len(p.Headers.Add) + len(p.Headers.Remove)
	add(headers > 0, "proxy_only.headers", fmt.Sprintf("%d headers", headers), "custom headers of CloudFront's origin, or the application")
	add(p.Discovery.DNS != "", "proxy_only.discovery", p.Discovery.DNS, "fleet, which registers its instances by itself")
	if g.Fleet != "" {
		// Targets that are listed beside a fleet are the container's; on AWS the fleet's
		// instances stand in their place.
		return list
	}
	for i := range g.Targets {
		t := &g.Targets[i].ProxyOnly
		at := "targets[" + strconv.Itoa(i) + "].proxy_only."
		add(t.Weight != 1, at+"weight", strconv.Itoa(t.Weight), "a target group for each weight, and a weighted forward")
		add(t.Backup, at+"backup", "true", "failover records of Route 53, or an origin group of CloudFront")
		add(t.MaxConnections > 0 && g.TargetControlPort == 0, at+"max_connections", strconv.Itoa(t.MaxConnections), "target_control_port, and the target optimizer's agent on each target")
	}
	return list
}
