package waf

import "github.com/evenkeel/evenkeel/proxy/internal/client"

// ipSet matches clients in any of its blocks of addresses.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-ipset-match.html
type ipSet struct {
	blocks *client.Blocks
}

func (s ipSet) match(q *query) (bool, error) { return s.blocks.Contains(q.client), nil }
