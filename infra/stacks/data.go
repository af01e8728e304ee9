package stacks

import "github.com/evenkeel/evenkeel/infra/constructs/data"

// newData makes what the application keeps its state in. A stack without resources cannot be
// deployed, so that there is none if the file says nothing of data.
func (b *builder) newData() {
	env := b.Environment
	if !env.Data.Database.Created() && !env.Data.Cache.Created() && !env.Data.Broker.Created() && len(env.Edge.Static) == 0 {
		b.data = data.New(b.networkStack, "Data", data.Props{Environment: env})
		return
	}
	stack := b.stack("data", env.AWS.Region, "State of "+env.App+" "+env.Name+": database, cache, broker and files")
	b.data = data.New(stack, "Data", data.Props{
		Environment:    env,
		PrivateSubnets: b.network.PrivateSubnets,
		DatabaseGroup:  b.network.Groups.Database,
		CacheGroup:     b.network.Groups.Cache,
		BrokerGroup:    b.network.Groups.Broker,
	})
	if d := b.data.Database; d != nil && d.Instance != "" {
		output(stack, "DatabaseHost", "Where the application reaches the database", d.Host)
		output(stack, "DatabaseSecret", "The secret with its user and password", d.SecretARN)
	}
	if c := b.data.Cache; c != nil && c.ReplicationGroup != "" {
		output(stack, "CacheHost", "Where the application reaches the cache", c.Host)
	}
	if q := b.data.Broker; q != nil && q.Name != "" {
		output(stack, "BrokerHost", "Where workers reach the broker", q.Host)
	}
	for _, f := range b.data.Files {
		output(stack, "Files"+f.Path, "The bucket with the files of "+f.Path, f.BucketName)
	}
}
