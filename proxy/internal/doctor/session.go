package doctor

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

const (
	// lostShare is the share of cookies without effect from which somebody notices. Clients send
	// old cookies and make some up.
	lostShare = 0.01
	// expiredShare is that of cookies that are too old: who comes back the next day has no
	// session to lose.
	expiredShare = 0.05
	// silent is how many requests without the application's cookie there must be before its name
	// is taken to be wrong.
	silent = 100
	// lately is how far back changes of targets are told of.
	lately = time.Hour
)

// sessions looks for clients that did not get back to their target.
func sessions(g *group, r *Report) {
	p := recent(g.Telemetry)
	c := p.cookies
	with := c.Total() - c.Absent
	told := fmt.Sprintf("stickiness cookies %s: %d held, %d unreadable, %d expired, %d of a target that may not serve, %d of a target that is full; %d requests had none",
		p.text, c.Held, c.Unreadable, c.Expired, c.Gone, c.Full, c.Absent)
	find := func(part uint64, least float64, f Finding) {
		if part < leastExpected || atLeast(part, with) < least {
			return
		}
		f.Case = SessionLoss
		f.What = fmt.Sprintf("%d of %d requests with a stickiness cookie (%s) went elsewhere: %s", part, with, percent(float64(part), float64(with)), f.What)
		f.Evidence = append([]string{told}, f.Evidence...)
		g.add(r, f)
	}
	find(c.Unreadable, lostShare, g.unreadable())
	find(c.Gone, lostShare, g.gone())
	find(c.Full, lostShare, g.full())
	if g.spec == nil {
		return
	}
	bond, lasts := g.bond()
	if bond == "stickiness" {
		bond += ".duration"
	}
	find(c.Expired, expiredShare, Finding{
		What:     "it was too old",
		Evidence: []string{lasts},
		Path:     g.at(bond),
		Change:   "let it last as long as the application's sessions",
	})
	if c.Absent < silent || with > 0 {
		return
	}
	// Nobody has ever come back with the cookie.
	if s := g.spec.ProxyOnly.Cookie; s.Secure || s.Domain != "" {
		g.add(r, Finding{
			Case:     SessionLoss,
			What:     fmt.Sprintf("none of %d requests had the cookie %q: browsers may not send it", c.Absent, s.Name),
			Evidence: []string{told, fmt.Sprintf("secure: %t, domain: %q", s.Secure, s.Domain)},
			Path:     g.at("proxy_only.cookie"),
			Change:   "a secure cookie comes back over TLS only, and one with a domain to hosts in that domain only: leave out what does not fit",
		})
	}
	if s := g.spec.Stickiness; s.Type == spec.StickinessAppCookie {
		g.add(r, Finding{
			Case: SessionLoss,
			What: fmt.Sprintf("none of %d requests was bound to a target: stickiness follows the application's cookie %q, and nobody has it", c.Absent, s.CookieName),
			Evidence: []string{
				told, "cookie names are compared with their case",
			},
			Path:   g.at("stickiness.cookie_name"),
			Change: "name the cookie that the application sets for its sessions, or take type lb_cookie",
		})
	}
}

// bond is the key that binds clients to targets, and how long it does.
func (g *group) bond() (key, lasts string) {
	if g.spec == nil {
		return "stickiness", "how long stickiness lasts is not in the file"
	}
	if c := g.spec.ProxyOnly.Cookie; c.Name != "" {
		return "proxy_only.cookie", fmt.Sprintf("max_idle of the cookie is %s, max_life %s; 0s is for ever", span(c.MaxIdle), span(c.MaxLife))
	}
	return "stickiness", fmt.Sprintf("stickiness lasts %s after a client's last request", span(g.spec.Stickiness.Duration))
}

// unreadable is about cookies that no key here opens.
func (g *group) unreadable() Finding {
	f := Finding{
		What: "it was sealed with a key that this process does not have",
		Path: "proxy.stickiness_keys",
	}
	if len(g.in.Environment.Proxy.StickinessKeys) == 0 {
		f.Evidence = []string{fmt.Sprintf("no stickiness_keys: this process made a key for itself when it started, %s", clock(g.in.Stats.Started))}
		f.Change = "give all processes that serve these clients the same keys: one made at random ends with its process, and no other can read its cookies"
		return f
	}
	f.Evidence = []string{fmt.Sprintf("stickiness_keys has %d; keys take effect when a process starts, %s", len(g.in.Environment.Proxy.StickinessKeys), clock(g.in.Stats.Started))}
	f.Change = "give all processes the same keys, and keep the former key behind the new one until its cookies are old"
	return f
}

// gone is about cookies whose target cannot serve.
func (g *group) gone() Finding {
	f := Finding{What: "its target was out"}
	became := map[targethealth.State]int{}
	var out []*admin.TargetStats
	for i := range g.Targets {
		t := &g.Targets[i]
		for _, change := range t.Timeline {
			if change.From != change.To && g.in.Stats.Time.Sub(change.Time) < lately {
				became[change.To]++
			}
		}
		if t.State != targethealth.Healthy {
			out = append(out, t)
		}
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("of the %d targets that are there, %d were registered in the last hour; they became unhealthy %d times in it",
		len(g.Targets), became[targethealth.Initial], became[targethealth.Unhealthy]))
	if reloads := g.in.Stats.Reloads; reloads.Count > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the file was reloaded %d times, last %s", reloads.Count, clock(reloads.LastTime)))
	}
	if len(out) > 0 {
		f.Evidence = append(f.Evidence, "out now: "+list(out, func(t *admin.TargetStats) string { return fmt.Sprintf("%s (%s)", t.ID, t.State) }))
	}
	if became[targethealth.Unhealthy] > 0 {
		f.Path = g.at("health_check.unhealthy_threshold")
		f.Change = "targets that fail their health checks lose their clients: mend them, or let it take more failures; sessions in a store that all targets share outlive any target"
		return f
	}
	f.Path = g.at("targets")
	f.Change = "targets that leave lose their clients, at once: keep sessions in a store that all targets share, or replace targets more slowly"
	return f
}

// full is about cookies whose target has no room.
func (g *group) full() Finding {
	f := Finding{
		What:   "its target had as many requests as it may",
		Path:   g.at("targets"),
		Change: "raise max_connections of the targets if they can take more, or add targets",
	}
	for i := range g.Targets {
		t := &g.Targets[i]
		s, path := g.registered(t)
		if s == nil || s.ProxyOnly.MaxConnections == 0 {
			continue
		}
		f.Path = path + ".proxy_only.max_connections"
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s may have %d at once and has %d now", t.ID, s.ProxyOnly.MaxConnections, t.Outstanding))
	}
	return f
}

// clock shows when something was.
func clock(t time.Time) string { return "at " + t.UTC().Format("2006-01-02 15:04:05 MST") }
