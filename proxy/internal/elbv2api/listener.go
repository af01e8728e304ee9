package elbv2api

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
	"github.com/evenkeel/evenkeel/spec"
)

// describedListener is a listener as AWS shows one.
type describedListener struct {
	ListenerArn          string
	LoadBalancerArn      string
	Port                 int
	Protocol             string
	Certificates         members[certificate] `xml:",omitempty"`
	SslPolicy            string               `xml:",omitempty"`
	DefaultActions       members[action]
	MutualAuthentication *mutualAuthentication `xml:",omitempty"`
}

type mutualAuthentication struct {
	Mode                          string
	TrustStoreArn                 string `xml:",omitempty"`
	IgnoreClientCertificateExpiry *bool  `xml:",omitempty"`
	AdvertiseTrustStoreCaNames    string `xml:",omitempty"`
}

// mutualAuthenticationOff is the only mode that there is.
const mutualAuthenticationOff = "off"

func (v *view) describeListener(l *spec.Listener) describedListener {
	d := describedListener{
		ListenerArn: v.env.ListenerARN(l.Name), LoadBalancerArn: v.env.LoadBalancerARN(), Port: l.Port, Protocol: l.Protocol,
		SslPolicy: l.SSLPolicy, DefaultActions: v.showActions(&l.DefaultAction),
	}
	if len(l.Certificates) > 0 {
		d.Certificates = members[certificate]{{CertificateArn: v.certificateARN(l.Name, l.Certificates[0])}}
	}
	if l.Protocol == spec.ProtocolHTTPS {
		d.MutualAuthentication = &mutualAuthentication{Mode: mutualAuthenticationOff}
	}
	return d
}

type listenersOutput struct {
	Listeners  members[describedListener]
	NextMarker string `xml:",omitempty"`
}

// oneListener is the answer of an action that made or changed the listener of that name.
func (v *view) oneListener(name string) listenersOutput {
	l := find(v.env.LoadBalancer.Listeners, func(l *spec.Listener) bool { return l.Name == name })
	return listenersOutput{Listeners: members[describedListener]{v.describeListener(l)}}
}

type createListenerInput struct {
	LoadBalancerArn      string `aws:"required"`
	Protocol             string
	Port                 *int `aws:"1..65535"`
	SslPolicy            string
	Certificates         []certificate
	DefaultActions       []action `aws:"required"`
	AlpnPolicy           []string
	Tags                 []tag
	MutualAuthentication *mutualAuthentication
}

func createListener(c *call, in *createListenerInput) (any, error) {
	switch {
	case in.Protocol == "":
		return nil, fail(codeValidationError, "A listener protocol must be specified")
	case in.Port == nil:
		return nil, fail(codeValidationError, "A listener port must be specified")
	}
	tags, refusal := newTags(in.Tags)
	if refusal != nil {
		return nil, refusal
	}
	var name string
	v, err := c.change(func(c *change) error {
		if err := c.checkLoadBalancer(in.LoadBalancerArn); err != nil {
			return err
		}
		l := spec.Default[spec.Listener]()
		l.Protocol, l.Port = in.Protocol, *in.Port
		l.Name = spec.APIListenerName(l.Protocol, l.Port)
		name = l.Name
		said := listenerSettings{in.SslPolicy, in.Certificates, in.DefaultActions, in.AlpnPolicy, in.MutualAuthentication}
		if err := said.apply(c, &l); err != nil {
			return err
		}
		if there := c.model.listener(l.Name); there != nil {
			if reflect.DeepEqual(there.Listener, l) && (len(tags) == 0 || maps.Equal(there.Tags, tags)) {
				return errUnchanged
			}
		}
		if err := c.checkPort(l.Port, ""); err != nil {
			return err
		}
		if len(c.env.LoadBalancer.Listeners) >= spec.MaxListeners {
			return fail(codeTooManyListeners, "The maximum number of listeners has been reached: %d", spec.MaxListeners)
		}
		c.model.Listeners = append(c.model.Listeners, Listener{
			ID: newID(), Listener: l, IPAddressType: c.env.LoadBalancer.IPAddressType, CertificateARNs: c.certificateARNs(nil, in.Certificates), Tags: tags,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.oneListener(name), nil
}

// checkPort refuses a port that another listener has than the one of that name.
func (c *change) checkPort(port int, name string) error {
	for i := range c.env.LoadBalancer.Listeners {
		if l := &c.env.LoadBalancer.Listeners[i]; l.Port == port && l.Name != name {
			return fail(codeDuplicateListener, "A listener already exists on this port for this load balancer '%s'", c.env.LoadBalancerARN())
		}
	}
	return nil
}

// listenerSettings is what creating and modifying have in common.
type listenerSettings struct {
	sslPolicy            string
	certificates         []certificate
	defaultActions       []action
	alpnPolicy           []string
	mutualAuthentication *mutualAuthentication
}

// apply sets what was said on l, whose protocol and port are set.
func (s *listenerSettings) apply(c *change, l *spec.Listener) error {
	switch {
	case l.Protocol != spec.ProtocolHTTP && l.Protocol != spec.ProtocolHTTPS:
		return fail(codeUnsupportedProtocol, "The protocol '%s' is not for Application Load Balancers, only HTTP and HTTPS", excerpt(l.Protocol))
	case len(s.alpnPolicy) > 0:
		return fail(codeInvalidConfigurationRequest, "ALPN policies are for TLS listeners")
	case s.mutualAuthentication != nil && s.mutualAuthentication.Mode != mutualAuthenticationOff:
		return fail(codeInvalidConfigurationRequest, "Mutual authentication is not offered, only the mode '%s'", mutualAuthenticationOff)
	case l.Protocol == spec.ProtocolHTTP && (s.sslPolicy != "" || len(s.certificates) > 0):
		return fail(codeInvalidConfigurationRequest, "A certificate or a security policy cannot be specified for HTTP listeners")
	}
	if len(s.certificates) > 0 {
		names, err := c.certificateNames(s.certificates)
		if err != nil {
			return err
		}
		if len(names) > 1 {
			return fail(codeTooManyCertificates, "A listener takes exactly one default certificate; add others by AddListenerCertificates")
		}
		others := slices.DeleteFunc(slices.Clone(l.Certificates[min(1, len(l.Certificates)):]), func(name string) bool { return name == names[0] })
		l.Certificates = append(names, others...)
	}
	if l.Protocol == spec.ProtocolHTTPS {
		if len(l.Certificates) == 0 {
			return fail(codeValidationError, "A certificate must be specified for HTTPS listeners")
		}
		l.SSLPolicy = cmp.Or(s.sslPolicy, l.SSLPolicy, spec.DefaultSSLPolicy)
		if err := checkSSLPolicy(l.SSLPolicy); err != nil {
			return err
		}
	} else {
		l.SSLPolicy, l.Certificates = "", nil
	}
	if s.defaultActions != nil {
		act, err := c.readActions(s.defaultActions)
		if err != nil {
			return err
		}
		l.DefaultAction = act
	}
	return nil
}

// checkSSLPolicy refuses security policies that AWS has not, or of which the container can
// offer nothing.
func checkSSLPolicy(name string) *Error {
	if _, ok := tlspolicy.Lookup(name); ok {
		return nil
	}
	if tlspolicy.Known(name) {
		return fail(codeSSLPolicyNotFound, "The SSL policy '%s' has nothing that the container can offer; nearest is '%s'", name, tlspolicy.Nearest(name))
	}
	return fail(codeSSLPolicyNotFound, "SSL policy '%s' not found", excerpt(name))
}

type describeListenersInput struct {
	LoadBalancerArn string
	ListenerArns    []string
	Marker          string
	PageSize        *int
}

func describeListeners(c *call, in *describeListenersInput) (any, error) {
	v := c.view()
	if (in.LoadBalancerArn == "") == (len(in.ListenerArns) == 0) {
		return nil, fail(codeValidationError, "You must specify either listener ARNs or a load balancer ARN")
	}
	if in.LoadBalancerArn != "" {
		if err := v.checkLoadBalancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	for _, arn := range in.ListenerArns {
		if _, err := v.listener(arn); err != nil {
			return nil, err.orElse("One or more listeners not found")
		}
	}
	var list []describedListener
	for i := range v.env.LoadBalancer.Listeners {
		d := v.describeListener(&v.env.LoadBalancer.Listeners[i])
		if len(in.ListenerArns) == 0 || slices.Contains(in.ListenerArns, d.ListenerArn) {
			list = append(list, d)
		}
	}
	shown, next, err := paged(page{in.Marker, in.PageSize}, list, func(d *describedListener) string { return fmt.Sprintf("%05d", d.Port) })
	if err != nil {
		return nil, err
	}
	return listenersOutput{shown, next}, nil
}

// ownListener is the listener of that ARN, which the API made.
func (c *change) ownListener(arn string) (*Listener, error) {
	l, refusal := c.listener(arn)
	if refusal != nil {
		return nil, refusal
	}
	if made := c.model.listener(l.Name); made != nil {
		return made, nil
	}
	return nil, c.declaredRefusal("listener", l.Name)
}

type modifyListenerInput struct {
	ListenerArn          string `aws:"required"`
	Port                 *int   `aws:"1..65535"`
	Protocol             string
	SslPolicy            string
	Certificates         []certificate
	DefaultActions       []action
	AlpnPolicy           []string
	MutualAuthentication *mutualAuthentication
}

func modifyListener(c *call, in *modifyListenerInput) (any, error) {
	var name string
	v, err := c.change(func(c *change) error {
		made, err := c.ownListener(in.ListenerArn)
		if err != nil {
			return err
		}
		l := made.Listener
		setInt(&l.Port, in.Port)
		l.Protocol = cmp.Or(in.Protocol, l.Protocol)
		said := listenerSettings{in.SslPolicy, in.Certificates, in.DefaultActions, in.AlpnPolicy, in.MutualAuthentication}
		if err := said.apply(c, &l); err != nil {
			return err
		}
		if err := c.checkPort(l.Port, l.Name); err != nil {
			return err
		}
		before := l.Name
		l.Name = spec.APIListenerName(l.Protocol, l.Port)
		name, made.Listener = l.Name, l
		made.CertificateARNs = c.certificateARNs(made.CertificateARNs, in.Certificates)
		for i := range c.model.Rules {
			if c.model.Rules[i].Listener == before {
				c.model.Rules[i].Listener = name
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.oneListener(name), nil
}

type listenerInput struct {
	ListenerArn string `aws:"required"`
}

func deleteListener(c *call, in *listenerInput) (any, error) {
	_, err := c.change(func(c *change) error {
		made, err := c.ownListener(in.ListenerArn)
		if err != nil {
			return err
		}
		name := made.Listener.Name
		c.model.Listeners = slices.DeleteFunc(c.model.Listeners, func(l Listener) bool { return l.Listener.Name == name })
		c.model.Rules = slices.DeleteFunc(c.model.Rules, func(r Rule) bool { return r.Listener == name })
		return nil
	})
	return nil, err
}

func describeListenerAttributes(c *call, in *listenerInput) (any, error) {
	return c.view().listenerAttributes(in.ListenerArn)
}

func (v *view) listenerAttributes(arn string) (any, error) {
	l, refusal := v.listener(arn)
	if refusal != nil {
		return nil, refusal
	}
	var said map[string]string
	if made := v.model.listener(l.Name); made != nil {
		said = made.Attributes
	}
	return attributesOutput{listenerAttributes.describe(l, said)}, nil
}

type modifyListenerAttributesInput struct {
	ListenerArn string      `aws:"required"`
	Attributes  []attribute `aws:"required"`
}

func modifyListenerAttributes(c *call, in *modifyListenerAttributesInput) (any, error) {
	v, err := c.change(func(c *change) error {
		made, err := c.ownListener(in.ListenerArn)
		if err != nil {
			return err
		}
		made.Attributes, err = listenerAttributes.modify(made.Attributes, in.Attributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v.listenerAttributes(in.ListenerArn)
}
