"""Makes, describes by pages, changes and deletes everything that the control API has, with
the AWS SDK for Python. Any surprise is an exception."""

import sys

import boto3
from botocore.exceptions import ClientError

endpoint, certificate = sys.argv[1:]
other_certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/other"
elb = boto3.client("elbv2", endpoint_url=endpoint, region_name="eu-west-1")


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as e:
        if e.response["Error"]["Code"] == code:
            return
        raise
    raise AssertionError(f"{call.__name__} was taken, {code} was wanted")


def only(answer, key):
    (one,) = answer[key]
    return one


def pages(name, key, **parameters):
    """Walks one by one, and by pages of two; both find the same."""
    walks = [
        [item for page in elb.get_paginator(name).paginate(PaginationConfig={"PageSize": size}, **parameters) for item in page[key]]
        for size in (1, 2)
    ]
    assert walks[0] and walks[0] == walks[1], (name, walks)
    return walks[0]


# Target groups.
groups = {}
for n in range(5):
    groups[n] = only(
        elb.create_target_group(
            Name=f"group-{n}", Protocol="HTTP", Port=8000 + n, VpcId="vpc-0123456789abcdef0", TargetType="instance" if n else "ip",
            HealthCheckPath="/health/", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
            UnhealthyThresholdCount=2, Matcher={"HttpCode": "200"}, Tags=[{"Key": "n", "Value": str(n)}],
        ),
        "TargetGroups",
    )["TargetGroupArn"]
names = [g["TargetGroupName"] for g in pages("describe_target_groups", "TargetGroups")]
assert names == [f"group-{n}" for n in range(5)], names
refused("DuplicateTargetGroupName", elb.create_target_group, Name="group-1", Protocol="HTTP", Port=1, VpcId="vpc-0123456789abcdef0")
refused("TargetGroupNotFound", elb.describe_target_groups, Names=["none"])
changed = only(elb.modify_target_group(TargetGroupArn=groups[1], HealthCheckPath="/other/", HealthyThresholdCount=3), "TargetGroups")
assert (changed["HealthCheckPath"], changed["HealthyThresholdCount"]) == ("/other/", 3)
elb.modify_target_group_attributes(
    TargetGroupArn=groups[0], Attributes=[{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.type", "Value": "lb_cookie"}]
)
attributes = {a["Key"]: a["Value"] for a in elb.describe_target_group_attributes(TargetGroupArn=groups[0])["Attributes"]}
assert attributes["stickiness.enabled"] == "true" and attributes["deregistration_delay.timeout_seconds"] == "300", attributes
refused(
    "InvalidConfigurationRequest", elb.modify_target_group_attributes, TargetGroupArn=groups[0],
    Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "4000"}],
)

# Targets.
elb.register_targets(TargetGroupArn=groups[0], Targets=[{"Id": "127.0.0.21"}, {"Id": "127.0.0.22", "Port": 9000}])
health = elb.describe_target_health(TargetGroupArn=groups[0])["TargetHealthDescriptions"]
assert sorted(h["Target"]["Id"] for h in health) == ["127.0.0.21", "127.0.0.22"], health
assert {h["TargetHealth"]["State"] for h in health} == {"unused"}, health
refused("InvalidTarget", elb.register_targets, TargetGroupArn=groups[1], Targets=[{"Id": "i-0000000000000dead"}])
elb.deregister_targets(TargetGroupArn=groups[0], Targets=[{"Id": "127.0.0.22", "Port": 9000}])

# Load balancer.
balancer = only(
    elb.create_load_balancer(
        Name="everything", Subnets=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"], SecurityGroups=["sg-0123456789abcdef0"],
        Scheme="internet-facing", Type="application", IpAddressType="ipv4", Tags=[{"Key": "a", "Value": "b"}],
    ),
    "LoadBalancers",
)
arn = balancer["LoadBalancerArn"]
assert balancer["State"]["Code"] in ("provisioning", "active") and balancer["DNSName"], balancer
elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
assert len(pages("describe_load_balancers", "LoadBalancers")) == 1
elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "120"}])
attributes = {a["Key"]: a["Value"] for a in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
assert attributes["idle_timeout.timeout_seconds"] == "120", attributes
elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=["sg-0123456789abcdef1"])
elb.set_subnets(LoadBalancerArn=arn, Subnets=["subnet-0123456789abcdef0", "subnet-0123456789abcdef2"])
elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")

# Listeners and their certificates.
http = only(
    elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}],
    ),
    "Listeners",
)["ListenerArn"]
https = only(
    elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTPS", Port=443, SslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        Certificates=[{"CertificateArn": certificate}], DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[0]}],
    ),
    "Listeners",
)["ListenerArn"]
refused(
    "DuplicateListener", elb.create_listener, LoadBalancerArn=arn, Protocol="HTTP", Port=80,
    DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
)
refused(
    "CertificateNotFound", elb.create_listener, LoadBalancerArn=arn, Protocol="HTTPS", Port=8443,
    Certificates=[{"CertificateArn": certificate[:-12] + "0" * 12}], DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[0]}],
)
assert len(pages("describe_listeners", "Listeners", LoadBalancerArn=arn)) == 2
assert only(elb.describe_listener_certificates(ListenerArn=https), "Certificates")["CertificateArn"] == certificate
elb.add_listener_certificates(ListenerArn=https, Certificates=[{"CertificateArn": other_certificate}])
found = [c["CertificateArn"] for c in pages("describe_listener_certificates", "Certificates", ListenerArn=https)]
assert found == [certificate, other_certificate], found
elb.remove_listener_certificates(ListenerArn=https, Certificates=[{"CertificateArn": other_certificate}])
elb.modify_listener(ListenerArn=https, SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")

# Rules.
rules = {}
for n, condition in enumerate(
    [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}},
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["yes"]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "debug", "Value": "1"}]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}},
    ]
):
    rules[n] = only(
        elb.create_rule(
            ListenerArn=https, Priority=10 + n, Conditions=[condition],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": groups[1], "Weight": 9}, {"TargetGroupArn": groups[2], "Weight": 1}]}}],
        ),
        "Rules",
    )["RuleArn"]
refused(
    "PriorityInUse", elb.create_rule, ListenerArn=https, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
    Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
)
found = pages("describe_rules", "Rules", ListenerArn=https)
assert [r["Priority"] for r in found] == ["10", "11", "12", "13", "14", "15", "default"], found
elb.set_rule_priorities(RulePriorities=[{"RuleArn": rules[0], "Priority": 11}, {"RuleArn": rules[1], "Priority": 10}])
found = pages("describe_rules", "Rules", ListenerArn=https)
assert found[0]["RuleArn"] == rules[1] and found[1]["RuleArn"] == rules[0], found
elb.modify_rule(RuleArn=rules[0], Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "tea"}}])

# Tags and what AWS has.
elb.add_tags(ResourceArns=[groups[0], arn, https, rules[0]], Tags=[{"Key": "c", "Value": "d"}])
elb.remove_tags(ResourceArns=[arn], TagKeys=["a"])
tags = {d["ResourceArn"]: {t["Key"]: t["Value"] for t in d["Tags"]} for d in elb.describe_tags(ResourceArns=[groups[0], arn])["TagDescriptions"]}
assert tags[groups[0]] == {"n": "0", "c": "d"} and tags[arn] == {"c": "d"}, tags
assert any(p["Name"] == "ELBSecurityPolicy-TLS13-1-3-2021-06" for p in elb.describe_ssl_policies()["SslPolicies"])
assert any(limit["Name"] == "targets-per-application-load-balancer" for limit in elb.describe_account_limits()["Limits"])

# All of it goes, in an order that AWS allows.
refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=groups[0])
for rule in rules.values():
    elb.delete_rule(RuleArn=rule)
elb.delete_listener(ListenerArn=http)
elb.delete_load_balancer(LoadBalancerArn=arn)
elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn])
refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[https])
for group in groups.values():
    elb.delete_target_group(TargetGroupArn=group)
assert elb.describe_target_groups()["TargetGroups"] == []
print("done")
