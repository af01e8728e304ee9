package stacks

import (
	"maps"
	"slices"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
	"github.com/evenkeel/evenkeel/infra/constructs/dashboard"
)

// newObservability makes the alarms of the environment's region and the dashboard.
func (b *builder) newObservability() {
	env := b.Environment
	stack := b.stack("observability", env.AWS.Region, "Alarms and dashboard of "+env.App+" "+env.Name)
	topic := alarm.TopicProps{Environment: env, Name: alarm.TopicName, Slack: true}
	if b.edge != nil {
		stack.AddStackDependency(b.edgeStack, new("the Slack channel takes its topic in"))
		topic.OtherTopicARNs = []string{alarm.TopicARN(stack, env, alarm.EdgeTopicName, edgeRegion)}
	}
	told := alarm.NewTopic(stack, "Topic", topic)
	subjects := b.subjects()
	alarms := alarm.New(stack, "Alarms", alarm.Props{Environment: env, Subjects: subjects, TopicARN: told.ARN})
	if subjects.WebACL == nil {
		// The edge's firewall goes by a name that is known here. The distribution goes by an id
		// that is not, and nothing shows it.
		subjects.WebACL = b.edgeACL
	}
	dashboard.New(stack, "Dashboard", dashboard.Props{Environment: env, Subjects: subjects, AlarmARNs: alarms.ARNs})
	output(stack, "AlarmTopic", "The topic that alarms are told to", told.ARN)
}

// subjects are what there is to watch in the environment's region.
func (b *builder) subjects() alarm.Subjects {
	env := b.Environment
	s := alarm.Subjects{LoadBalancer: b.balancer.FullName}
	for i := range env.TargetGroups {
		name := env.TargetGroups[i].Name
		s.TargetGroups = append(s.TargetGroups, alarm.TargetGroup{Name: name, FullName: b.balancer.TargetGroups[name].FullName})
	}
	for _, name := range slices.Sorted(maps.Keys(b.fleets)) {
		s.Fleets = append(s.Fleets, alarm.Fleet{Name: name, GroupName: b.fleets[name].GroupName})
	}
	if d := b.drain; d != nil {
		s.Drain = &alarm.Drain{QueueName: d.QueueName, DeadLetterQueueName: d.DeadLetterQueueName, FunctionName: d.FunctionName}
	}
	if h := b.health; h != nil {
		s.Health = &alarm.Health{FunctionName: h.FunctionName}
	}
	if d := b.data.Database; d != nil && d.Instance != "" {
		s.Database = &alarm.Database{Identifier: d.Instance, ProxyName: d.Pool}
		for _, r := range d.Replicas {
			s.Database.Replicas = append(s.Database.Replicas, r.Instance)
		}
	}
	if c := b.data.Cache; c != nil && c.ReplicationGroup != "" {
		s.Cache = &alarm.Cache{ClusterIDs: c.Nodes}
	}
	if q := b.data.Broker; q != nil && q.Name != "" {
		s.Broker = &alarm.Broker{Name: q.Name}
	}
	for _, name := range slices.Sorted(maps.Keys(b.balancer.Certificates)) {
		s.Certificates = append(s.Certificates, alarm.Certificate{Name: name, ARN: b.balancer.Certificates[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(env.Certificates)) {
		if arn := env.Certificates[name].ACM.ARN; arn != "" {
			s.Certificates = append(s.Certificates, alarm.Certificate{Name: name, ARN: arn})
		}
	}
	if b.acl != nil {
		s.WebACL = &alarm.WebACL{MetricName: b.acl.Name, Region: env.AWS.Region}
	}
	return s
}
