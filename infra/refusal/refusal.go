// Package refusal says what of an environment file AWS cannot do, and what it offers
// instead. All of it is decided before anything is made, and told with file and line.
package refusal

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/spec"
)

// Inspect returns an inspection of an environment file at path, to pass to spec.Check.
func Inspect(path string) spec.Inspection {
	return func(env *spec.Environment, report spec.Report) {
		i := inspector{env: env, report: report, folder: filepath.Dir(path)}
		i.place()
		i.groups()
		i.edge()
		i.certificates()
		i.fleets()
		i.alarms()
	}
}

type inspector struct {
	env    *spec.Environment
	report spec.Report
	folder string
}

// place is where in AWS the environment goes.
func (i inspector) place() {
	if i.env.AWS.Account == "" {
		i.report.Refuse("aws.account", "is missing", "", "the 12 digits of the account to deploy to")
	}
	if i.env.AWS.Region == "" {
		i.report.Refuse("aws.region", "is missing", "", "the region to deploy to, such as eu-west-1")
	}
	if t := i.env.LoadBalancer.IPAddressType; t != spec.IPAddressTypeIPv4 && i.env.AWS.VPC.ID == "" {
		i.report.Refuse("load_balancer.ip_address_type", "needs a network with IPv6, and the one that is made has none", strconv.Quote(t), spec.IPAddressTypeIPv4+", or aws.vpc.id of a network that has IPv6")
	}
	for n := range i.env.LoadBalancer.Listeners {
		for m, r := range i.env.LoadBalancer.Listeners[n].Rules {
			if r.Priority == spec.AggregatePriority {
				i.report.Refuse(fmt.Sprintf("load_balancer.listeners[%d].rules[%d].priority", n, m), "is kept for "+spec.AggregatePath+" on AWS", strconv.Itoa(r.Priority), "2 or more")
			}
		}
	}
}

func (i inspector) groups() {
	for n := range i.env.TargetGroups {
		g := &i.env.TargetGroups[n]
		path := "target_groups[" + strconv.Itoa(n) + "]"
		if f, ok := i.env.Fleets[g.Fleet]; ok && len(f.Queues) > 0 {
			i.report.Refuse(path+".fleet", "names a fleet of workers, which answer no requests", strconv.Quote(g.Fleet), "a fleet without queues")
		}
		if i.env.AWS.ProxyOnly == spec.ProxyOnlyDrop {
			continue
		}
		for _, has := range onlyHere(g) {
			i.report.Refuse(path+"."+has.key, "is what no Application Load Balancer has", has.got, has.instead+"; or aws.proxy_only: drop, to leave it out on AWS")
		}
	}
}

// edge is CloudFront: what it needs, and what changes for the load balancer behind it.
func (i inspector) edge() {
	e := &i.env.Edge
	if !e.Present() {
		if i.env.DNS.Zone != "" && i.env.DNS.ZoneID == "" {
			i.report.Refuse("dns.zone_id", "is missing", "", "the zone's id in Route 53, for the record of domain")
		}
		return
	}
	if i.env.Domain == "" {
		i.report.Refuse("domain", "is missing", "", "the host name of the CloudFront distribution that edge needs")
	}
	if i.env.DNS.ZoneID == "" {
		i.report.Refuse("dns.zone_id", "is missing", "", "the zone's id in Route 53, as CloudFront reaches the load balancer by a name in it")
	}
	if i.env.AWS.CloudFrontPrefixList == "" {
		i.report.Refuse("aws.cloudfront_prefix_list", "is missing", "",
			"the id that `aws ec2 describe-managed-prefix-lists --filters Name=prefix-list-name,Values=com.amazonaws.global.cloudfront.origin-facing` shows, so that only CloudFront reaches the load balancer")
	}
	if !slices.ContainsFunc(i.env.LoadBalancer.Listeners, func(l spec.Listener) bool { return l.Protocol == spec.ProtocolHTTPS && l.Port == 443 }) {
		i.report.Refuse("load_balancer.listeners", "have none that CloudFront can reach", "", "one of protocol HTTPS on port 443, as edge is there")
	}
	if n := e.Compression.MinimumSize; e.Compression.Enabled && n != spec.DefaultCompressionSize {
		i.report.Refuse("edge.compression.minimum_size", "is fixed in CloudFront", strconv.Itoa(n), strconv.Itoa(spec.DefaultCompressionSize))
	}
	for n := range e.Cache {
		if i.env.AWS.ProxyOnly == spec.ProxyOnlyDrop {
			break
		}
		for _, has := range onlyHereCached(&e.Cache[n].ProxyOnly) {
			i.report.Refuse(fmt.Sprintf("edge.cache[%d].%s", n, has.key), "is what CloudFront does not have", has.got, has.instead+"; or aws.proxy_only: drop, to leave it out on AWS")
		}
	}
	for n := range i.env.LoadBalancer.Listeners {
		l := &i.env.LoadBalancer.Listeners[n]
		for m := range l.Rules {
			for k := range l.Rules[m].Conditions {
				if list := l.Rules[m].Conditions[k].SourceIP; len(list) > 0 {
					i.report.Refuse(fmt.Sprintf("load_balancer.listeners[%d].rules[%d].conditions[%d].source_ip", n, m, k),
						"sees CloudFront's address, never the client's, behind an edge", strings.Join(list, ", "), "waf.ip_sets, which CloudFront applies")
				}
			}
		}
	}
}

// certificates wants one of ACM wherever a listener needs one.
func (i inspector) certificates() {
	for n := range i.env.LoadBalancer.Listeners {
		l := &i.env.LoadBalancer.Listeners[n]
		for m, name := range l.Certificates {
			c, ok := i.env.Certificates[name]
			path := fmt.Sprintf("load_balancer.listeners[%d].certificates[%d]", n, m)
			switch {
			case !ok:
			case c.ACM.Domain == "" && c.ACM.ARN == "":
				i.report.Refuse(path, "is a certificate of files only, which a load balancer on AWS cannot read", strconv.Quote(name), "acm.domain or acm.arn in certificates."+name)
			case c.ACM.Domain != "" && i.env.DNS.ZoneID == "":
				i.report.Refuse("dns.zone_id", "is missing", "", "the zone's id in Route 53, where ACM looks for proof of certificates."+name+"; or acm.arn")
			}
		}
	}
}

func (i inspector) fleets() {
	for _, name := range slices.Sorted(maps.Keys(i.env.Fleets)) {
		f := i.env.Fleets[name]
		path := "fleets." + name
		if f.UserData != "" {
			if _, err := UserData(i.folder, f.UserData); err != nil {
				i.report.Refuse(path+".user_data", err.Error(), strconv.Quote(f.UserData), "a script of at most 12 KB")
			}
		}
		if f.Scaling.QueueDepth > 0 && !i.env.Data.Broker.Created() {
			i.report.Refuse(path+".scaling.queue_depth", "needs the metrics of a broker that is made here", strconv.Itoa(f.Scaling.QueueDepth), "0, or data.broker without existing")
		}
		if f.Capacity.Desired != f.Capacity.Min {
			i.report.Warn(path+".capacity.desired", "is not where a new group begins on AWS: it begins with min and scales from there, as otherwise every deploy would set it back",
				strconv.Itoa(f.Capacity.Desired), "")
		}
	}
}

// alarms that nobody hears of are worth a word, and so are logs that nobody keeps.
func (i inspector) alarms() {
	if i.env.LoadBalancer.Attributes.AccessLogs.Bucket == "" {
		i.report.Warn("load_balancer.attributes.access_logs", "are off: nobody can tell later who asked for what", "", "")
	}
	if n := &i.env.Alarms.Notify; len(n.Email) == 0 && n.Slack.Channel == "" {
		i.report.Warn("alarms.notify", "tells nobody: alarms go to a topic that has no subscriber", "", "")
	}
}

// maxUserData leaves room for the variables in the 16 KB that EC2 takes.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
const maxUserData = 12 << 10

// UserData reads a fleet's script; a relative name starts at the environment file's folder.
func UserData(folder, name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	text, err := os.ReadFile(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", err)
	case len(text) > maxUserData:
		return "", fmt.Errorf("is too large: %d bytes", len(text))
	}
	return string(text), nil
}
