package data_test

import (
	"testing"

	"github.com/evenkeel/evenkeel/infra/constructs/network"
)

func TestCacheIsAsTheFileSays(t *testing.T) {
	each(t, func(t *testing.T, m made) {
		in := m.env.Data.Cache
		if !in.Created() {
			return
		}
		group := m.one(t, "AWS::ElastiCache::ReplicationGroup")
		replicated := in.Replicas > 0
		group.want(t, map[string]any{
			"ReplicationGroupId":         m.data.Cache.ReplicationGroup,
			"Engine":                     in.Engine,
			"EngineVersion":              in.EngineVersion,
			"CacheNodeType":              in.NodeType,
			"NumCacheClusters":           1 + in.Replicas,
			"AutomaticFailoverEnabled":   replicated,
			"MultiAZEnabled":             replicated,
			"SnapshotRetentionLimit":     days(in.SnapshotRetention.Hours()),
			"SnapshotWindow":             "02:00-03:00",
			"Port":                       network.CachePort,
			"SecurityGroupIds":           []string{cacheGroup},
			"CacheSubnetGroupName":       ref(m.one(t, "AWS::ElastiCache::SubnetGroup").id),
			"AutoMinorVersionUpgrade":    true,
			"PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
		})
		m.one(t, "AWS::ElastiCache::SubnetGroup").want(t, map[string]any{"SubnetIds": subnets})
		if got, want := m.shown(t, m.data.Cache.Host), text(t, attribute(group.id, "PrimaryEndPoint.Address")); got != want || m.data.Cache.Port != network.CachePort {
			t.Errorf("the cache is at %s:%d, want %s:%d", got, m.data.Cache.Port, want, network.CachePort)
		}
		if got, want := m.shown(t, m.data.Cache.ReaderHost), text(t, attribute(group.id, "ReaderEndPoint.Address")); got != want {
			t.Errorf("its replicas are at %s, want %s", got, want)
		}
		if got := len(m.data.Cache.Nodes); got != 1+in.Replicas || m.data.Cache.Nodes[0] != m.data.Cache.ReplicationGroup+"-001" {
			t.Errorf("nodes %v, want %d", m.data.Cache.Nodes, 1+in.Replicas)
		}
	})
}
