package parity_test

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const specPath = "github.com/evenkeel/evenkeel/spec"

// wholesale are functions of spec that read everything, for no runtime's sake.
var wholesale = []string{"Check", "Load", "Print", "Write", "Diff", "Schema", "NotServed", "WarnOfNotServed"}

// oneSided are the fields, and types with all of theirs, that reach one runtime only, with the
// reason. What is not here reaches both.
var oneSided = map[string]string{
	// AWS only.
	"AWS":      "where in AWS the environment goes",
	"VPC":      "the network on AWS; a container is in whatever network it is in",
	"Fleet":    "instances are started and ended on AWS; elsewhere someone else does",
	"Capacity": "of a fleet", "Scaling": "of a fleet", "Spot": "of a fleet", "Maintenance": "of a fleet", "Drain": "of a fleet",
	"Data": "made on AWS, there already elsewhere", "Database": "of data", "Cache": "of data", "Broker": "of data", "Existing": "of data",
	"Alarms": "CloudWatch's; the container has rules for Prometheus of them",
	"Notify": "of alarms", "Slack": "of alarms",
	"DNS":                         "a record of Route 53",
	"ACMCertificate":              "a certificate of ACM; the container reads files",
	"HealthAggregate.CheckPath":   "the function on AWS asks targets; the container makes the document of its own checks",
	"Environment.HealthAggregate": "see HealthAggregate",
	"HealthAggregate.Replacement": "instances of Auto Scaling; the container has none", "Replacement": "of Auto Scaling",
	"LogBucket":                                    "an S3 bucket; the container's logs are files of proxy",
	"LoadBalancer.Scheme":                          "the container answers whoever reaches it",
	"LoadBalancerAttributes.ZonalShift":            "zones are AWS's",
	"LoadBalancerAttributes.DeletionProtection":    "of a resource on AWS",
	"LoadBalancerAttributes.IPv6DenyAllIGWTraffic": "internet gateways are AWS's",
	"LoadBalancerAttributes.AccessLogs":            "an S3 bucket", "LoadBalancerAttributes.ConnectionLogs": "an S3 bucket", "LoadBalancerAttributes.HealthCheckLogs": "an S3 bucket",
	"TargetGroup.Fleet":             "the fleet registers on AWS; the container has targets",
	"TargetGroup.TargetControlPort": "the target optimizer is AWS's; the container has max_connections",
	"TargetGroup.TargetType":        "a target of the container is an address",
	"TargetGroup.CrossZone":         "the container has no zone of its own",
	"TargetGroupHealth.DNSFailover": "DNS of zones is AWS's", "Environment.Fleets": "see Fleet", "Environment.Data": "see Data",
	"Environment.DNS": "see DNS",

	// The container only.
	"Proxy": "how the container binds and logs", "Admin": "of proxy", "LogFile": "of proxy", "SharedRates": "of proxy; a web ACL counts for all", "WAFLog": "of proxy; the log on AWS is always there", "ELBv2API": "of proxy",
	"ProxyOnly": "what no ALB has: refused on AWS, with what there is instead", "ConsistentHash": "of proxy_only", "Queue": "of proxy_only",
	"PassiveHealth": "of proxy_only", "RequestHeaders": "of proxy_only", "PersistenceCookie": "of proxy_only", "Retries": "of proxy_only", "Discovery": "of proxy_only", "TargetProxyOnly": "of proxy_only",
	"Compression.Types": "CloudFront has a list of its own", "Compression.MinimumSize": "CloudFront's is 1000 bytes", "Compression.Level": "CloudFront has none",
	"CacheProxyOnly": "what CloudFront leaves to answers", "CacheBehavior.ProxyOnly": "see CacheProxyOnly",
	"Static.Expires":                   "both say it in Cache-Control, which it completes; a field Expires beside it CloudFront does not set",
	"CertificateFiles":                 "files of the container",
	"Certificate.Files":                "files of the container",
	"LoadBalancerAttributes.CrossZone": "no ALB has it otherwise than true, and neither has a file",

	"Target.ProxyOnly":      "see TargetProxyOnly",
	"TargetGroup.ProxyOnly": "see ProxyOnly",

	// Neither.
	"Environment.Extends": "spec itself follows it",
}

// onlyLooking are packages that read what they do not act on: to refuse it, to show it, or to
// make it.
var onlyLooking = []string{
	"github.com/evenkeel/evenkeel/infra/refusal", "github.com/evenkeel/evenkeel/proxy/internal/elbv2api",
	"github.com/evenkeel/evenkeel/proxy/internal/importer", "github.com/evenkeel/evenkeel/proxy/internal/importer/haproxy", "github.com/evenkeel/evenkeel/proxy/internal/importer/nginx",
}

// TestEveryFieldReachesBoth looks up in the source which fields of an environment the
// container reads and which the CDK app reads.
func TestEveryFieldReachesBoth(t *testing.T) {
	all := load(t)
	sides := map[string]map[string]bool{"proxy": {}, "infra": {}}
	inSpec := map[string]*reads{}
	for _, p := range all {
		if p.PkgPath == specPath {
			inSpec = byFunction(p)
		}
	}
	for _, p := range all {
		side, _, _ := strings.Cut(strings.TrimPrefix(p.PkgPath, "github.com/evenkeel/evenkeel/"), "/")
		if side == "aggregate" {
			side = "proxy" // which the container makes its document by
		}
		fields, ours := sides[side]
		if !ours || slices.Contains(onlyLooking, p.PkgPath) {
			continue
		}
		for _, f := range byFunction(p) {
			collect(f, inSpec, fields, map[string]bool{})
		}
	}
	for side, fields := range sides {
		if len(fields) < 40 {
			t.Fatalf("%s reads %d fields of an environment: the source was not read", side, len(fields))
		}
	}
	listed, needed := map[string]bool{}, map[string]bool{}
	for _, field := range fieldsOf(t, all) {
		proxy, infra := sides["proxy"][field], sides["infra"][field]
		owner, _, _ := strings.Cut(field, ".")
		key := field
		if oneSided[field] == "" && oneSided[owner] != "" {
			key = owner
		}
		reason := oneSided[key]
		switch {
		case reason != "":
			listed[key] = true
			needed[key] = needed[key] || !proxy || !infra
			if proxy && infra && key == field {
				t.Errorf("%s reaches both runtimes and is listed as one-sided: %s", field, reason)
			}
		case !proxy && !infra:
			t.Errorf("%s reaches neither runtime", field)
		case !proxy:
			t.Errorf("%s reaches AWS only, for no reason that is listed", field)
		case !infra:
			t.Errorf("%s reaches the container only, for no reason that is listed", field)
		}
	}
	for key := range oneSided {
		if !listed[key] {
			t.Errorf("%s is listed as one-sided and does not exist", key)
		} else if !needed[key] {
			t.Errorf("%s is listed as one-sided and reaches both runtimes with all it has", key)
		}
	}
}

func load(t *testing.T) []*packages.Package {
	t.Helper()
	all, err := packages.Load(&packages.Config{
		Dir:  "../..",
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
	}, "./spec", "./aggregate", "./proxy/...", "./infra/...")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
	}
	return all
}

// reads is what one function reads of an environment by itself, and what of spec it calls.
type reads struct{ fields, calls map[string]bool }

func byFunction(p *packages.Package) map[string]*reads {
	functions := map[string]*reads{}
	for _, file := range p.Syntax {
		for _, decl := range file.Decls {
			f := &reads{map[string]bool{}, map[string]bool{}}
			name := "var"
			if fn, ok := decl.(*ast.FuncDecl); ok {
				name = functionName(p.TypesInfo.Defs[fn.Name])
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if sel := p.TypesInfo.Selections[n]; sel != nil && sel.Kind() == types.FieldVal {
						if owner := specType(sel.Recv()); owner != "" {
							f.fields[owner+"."+sel.Obj().Name()] = true
						}
					}
				case *ast.Ident:
					if fn, ok := p.TypesInfo.Uses[n].(*types.Func); ok && fn.Pkg() != nil && fn.Pkg().Path() == specPath {
						f.calls[functionName(fn)] = true
					}
				}
				return true
			})
			if before := functions[name]; before != nil {
				maps.Copy(before.fields, f.fields)
				maps.Copy(before.calls, f.calls)
				continue
			}
			functions[name] = f
		}
	}
	return functions
}

// functionName is Type.Method or Function.
func functionName(o types.Object) string {
	fn, ok := o.(*types.Func)
	if !ok {
		return "var"
	}
	if recv := fn.Signature().Recv(); recv != nil {
		return specType(recv.Type()) + "." + fn.Name()
	}
	return fn.Name()
}

// specType is the name of a type of spec, behind a pointer or not.
func specType(typ types.Type) string {
	if p, ok := typ.Underlying().(*types.Pointer); ok {
		typ = p.Elem()
	}
	named, ok := types.Unalias(typ).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != specPath {
		return ""
	}
	return named.Obj().Name()
}

// collect adds what a function reads, and what those of spec read that it calls.
func collect(f *reads, inSpec map[string]*reads, into, seen map[string]bool) {
	maps.Copy(into, f.fields)
	for call := range f.calls {
		name := call[strings.LastIndex(call, ".")+1:]
		if seen[call] || slices.Contains(wholesale, name) || inSpec[call] == nil {
			continue
		}
		seen[call] = true
		collect(inSpec[call], inSpec, into, seen)
	}
}

// fieldsOf are the fields that an environment file can say, as Type.Field.
func fieldsOf(t *testing.T, all []*packages.Package) []string {
	t.Helper()
	var list []string
	for _, p := range all {
		if p.PkgPath != specPath {
			continue
		}
		seen := map[string]bool{}
		var walk func(typ types.Type)
		walk = func(typ types.Type) {
			switch u := types.Unalias(typ).(type) {
			case *types.Pointer:
				walk(u.Elem())
			case *types.Slice:
				walk(u.Elem())
			case *types.Map:
				walk(u.Elem())
			case *types.Named:
				structure, ok := u.Underlying().(*types.Struct)
				if !ok || seen[u.Obj().Name()] || u.Obj().Pkg() != p.Types {
					return
				}
				seen[u.Obj().Name()] = true
				for i := range structure.NumFields() {
					if tag := structure.Tag(i); strings.Contains(tag, `yaml:"`) && !strings.Contains(tag, `yaml:"-"`) {
						list = append(list, u.Obj().Name()+"."+structure.Field(i).Name())
						walk(structure.Field(i).Type())
					}
				}
			}
		}
		walk(p.Types.Scope().Lookup("Environment").Type())
	}
	if len(list) < 150 {
		t.Fatalf("an environment has %d fields: spec was not read", len(list))
	}
	return list
}
