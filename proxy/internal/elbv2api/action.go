package elbv2api

// operation is one action of AWS's API and what becomes of it here.
type operation struct {
	// changes says that it is no mere question.
	changes bool
	// shown says that it is taken and shown, and otherwise without effect in a container.
	shown bool
	// note says what is different from AWS, or what it is.
	note string
	// run is nil for what is not there.
	run func(c *call, p *parameters) (any, error)
}

// takes makes the action of a function of its parameters.
func takes[In any](f func(c *call, in *In) (any, error)) func(*call, *parameters) (any, error) {
	return func(c *call, p *parameters) (any, error) {
		var in In
		if refusal := p.decode(&in); refusal != nil {
			return nil, refusal
		}
		return f(c, &in)
	}
}

const (
	trustStores = "Trust stores are not offered."
	capacity    = "A container has the capacity of its machine."
)

// actions are all that AWS has. The reference is made of this table.
var actions map[string]operation

func init() {
	actions = map[string]operation{
		"AddListenerCertificates":        {changes: true, run: takes(addListenerCertificates), note: "A certificate is an entry of the file's `certificates`: by its `acm.arn`, or by its name as the last part of any certificate ARN."},
		"AddTags":                        {changes: true, run: takes(addTags), note: "What the file declares has tags of its own and takes no more."},
		"CreateListener":                 {changes: true, run: takes(createListener), note: "Listeners are called `http-80`, `https-443`: `proxy.bind` goes by that name. Without `SslPolicy` it is the file's default policy, not the API's older one. Mutual TLS, ALPN policies and authenticating actions are refused."},
		"CreateLoadBalancer":             {changes: true, run: takes(createLoadBalancer), note: "One for each container, where the file declares no listeners. It is active at once. Security groups and subnets are taken and shown."},
		"CreateRule":                     {changes: true, run: takes(createRule), note: "On listeners of the file as well."},
		"CreateTargetGroup":              {changes: true, run: takes(createTargetGroup), note: "Of type `instance` or `ip`, protocol HTTP or HTTPS."},
		"DeleteListener":                 {changes: true, run: takes(deleteListener)},
		"DeleteLoadBalancer":             {changes: true, run: takes(deleteLoadBalancer), note: "With its listeners and rules."},
		"DeleteRule":                     {changes: true, run: takes(deleteRule)},
		"DeleteTargetGroup":              {changes: true, run: takes(deleteTargetGroup), note: "Its targets drain."},
		"DeregisterTargets":              {changes: true, run: takes(deregisterTargets), note: "Targets of the file as well; they stay deregistered over restarts and reloads until they are registered again or leave the file."},
		"DescribeAccountLimits":          {run: takes(describeAccountLimits)},
		"DescribeListenerAttributes":     {run: takes(describeListenerAttributes)},
		"DescribeListenerCertificates":   {run: takes(describeListenerCertificates)},
		"DescribeListeners":              {run: takes(describeListeners)},
		"DescribeLoadBalancerAttributes": {run: takes(describeLoadBalancerAttributes)},
		"DescribeLoadBalancers":          {run: takes(describeLoadBalancers)},
		"DescribeRules":                  {run: takes(describeRules)},
		"DescribeSSLPolicies":            {run: takes(describeSSLPolicies), note: "With the protocols and ciphers that the container offers, which can be fewer than AWS's; policies of which it can offer nothing are left out."},
		"DescribeTags":                   {run: takes(describeTags), note: "What the file declares has the tag `evenkeel:declared`, whose value is the environment's name."},
		"DescribeTargetGroupAttributes":  {run: takes(describeTargetGroupAttributes)},
		"DescribeTargetGroups":           {run: takes(describeTargetGroups)},
		"DescribeTargetHealth":           {run: takes(describeTargetHealth), note: "`Include` adds anomaly detection; there are no administrative overrides."},
		"ModifyListener":                 {changes: true, run: takes(modifyListener), note: "As CreateListener. With another port or protocol the listener has another name."},
		"ModifyListenerAttributes":       {changes: true, run: takes(modifyListenerAttributes), note: "Those of responses; the headers of requests keep their names."},
		"ModifyLoadBalancerAttributes":   {changes: true, run: takes(modifyLoadBalancerAttributes), note: "Logs to S3, zonal shift and `ipv6.deny_all_igw_traffic` are shown only."},
		"ModifyRule":                     {changes: true, run: takes(modifyRule)},
		"ModifyTargetGroup":              {changes: true, run: takes(modifyTargetGroup)},
		"ModifyTargetGroupAttributes":    {changes: true, run: takes(modifyTargetGroupAttributes), note: "DNS failover and `load_balancing.cross_zone.enabled` are shown only."},
		"RegisterTargets":                {changes: true, run: takes(registerTargets), note: "Instances have the addresses of `proxy.elbv2_api.instances` or of the resolver command. In groups of the file as well."},
		"RemoveListenerCertificates":     {changes: true, run: takes(removeListenerCertificates)},
		"RemoveTags":                     {changes: true, run: takes(removeTags)},
		"SetIpAddressType":               {changes: true, run: takes(setIPAddressType), note: "Listeners that are created from then on, and have no `proxy.bind`, listen on IPv6 as well unless it is `ipv4`; those that are there stay where they are."},
		"SetRulePriorities":              {changes: true, run: takes(setRulePriorities)},
		"SetSecurityGroups":              {changes: true, shown: true, run: takes(setSecurityGroups), note: "The container answers whoever reaches it."},
		"SetSubnets":                     {changes: true, shown: true, run: takes(setSubnets), note: "Zones are made of the order of the subnets. An `IpAddressType` is SetIpAddressType's."},

		"AddTrustStoreRevocations":          {note: trustStores},
		"CreateTrustStore":                  {note: trustStores},
		"DeleteSharedTrustStoreAssociation": {note: trustStores},
		"DeleteTrustStore":                  {note: trustStores},
		"DescribeCapacityReservation":       {note: capacity},
		"DescribeTrustStoreAssociations":    {note: trustStores},
		"DescribeTrustStoreRevocations":     {note: trustStores},
		"DescribeTrustStores":               {note: trustStores},
		"GetResourcePolicy":                 {note: "Nothing is shared with other accounts."},
		"GetTrustStoreCaCertificatesBundle": {note: trustStores},
		"GetTrustStoreRevocationContent":    {note: trustStores},
		"ModifyCapacityReservation":         {note: capacity},
		"ModifyIpPools":                     {note: "Addresses are the machine's."},
		"ModifyTrustStore":                  {note: trustStores},
		"RemoveTrustStoreRevocations":       {note: trustStores},
	}
}
