package signin

import (
	"net/netip"
	"time"
)

const (
	// freeByAddress and freeByUser are how many failures cost nothing. A user's are many more:
	// whoever fails with somebody's name must not keep him out so easily.
	freeByAddress = 5
	freeByUser    = 20
	// firstDelay doubles with every failure after those, up to the most.
	firstDelay     = time.Second
	mostByAddress  = 15 * time.Minute
	mostByUser     = time.Minute
	forgetFailures = time.Hour // after the last one
	// maxRemembered bounds how many addresses are remembered, and how many names.
	maxRemembered = 4096
	// maxHomes bounds the addresses at which a user has been let in that are remembered.
	maxHomes = 16
	// prefixIPv6 is what one guesser has of addresses.
	prefixIPv6 = 64
)

// throttle remembers failures by address and by the name that was given, whether there is such
// a user or not.
type throttle struct {
	addresses table[netip.Prefix]
	users     table[string]
	// homes are where a user has been let in. From there only the address's own failures
	// count, so that nobody is kept out by those who guess at his password elsewhere.
	homes map[string]map[netip.Prefix]struct{}
}

func newThrottle() throttle {
	return throttle{addresses: table[netip.Prefix]{}, users: table[string]{}, homes: map[string]map[netip.Prefix]struct{}{}}
}

// table has the failures of whatever they are counted by.
type table[K comparable] map[K]*failures

type failures struct {
	count int
	last  time.Time
}

// wait returns how long after now another try is looked at.
func (f *failures) wait(now time.Time, free int, most time.Duration) time.Duration {
	if f == nil || f.count < free {
		return 0
	}
	delay := most
	if over := f.count - free; over < 20 {
		delay = min(firstDelay<<over, most)
	}
	return f.last.Add(delay).Sub(now)
}

// add counts a failure.
func (t table[K]) add(by K, now time.Time) {
	f := t[by]
	if f == nil {
		if len(t) >= maxRemembered {
			t.forget(now)
		}
		f = new(failures)
		t[by] = f
	}
	if now.Sub(f.last) > forgetFailures {
		f.count = 0
	}
	f.count++
	f.last = now
}

// takeBack uncounts one.
func (t table[K]) takeBack(by K) {
	if f := t[by]; f != nil {
		f.count--
	}
}

// forget makes room: what is an hour old goes, and if that is nothing, who has failed least.
func (t table[K]) forget(now time.Time) {
	var least K
	fewest := -1
	for by, f := range t {
		if now.Sub(f.last) > forgetFailures {
			delete(t, by)
		} else if fewest < 0 || f.count < fewest {
			least, fewest = by, f.count
		}
	}
	if len(t) >= maxRemembered {
		delete(t, least)
	}
}

// origin is what failures of an address are counted for.
func origin(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = prefixIPv6
	}
	p, _ := from.Prefix(bits) // an address that is none is the prefix that is none
	return p
}

// begin counts a try as a failure until it turns out to be none, so that many at once are no
// better than one after the other. Otherwise it returns how long the try has to wait.
func (t *throttle) begin(user string, from netip.Addr, now time.Time) time.Duration {
	at := origin(from)
	wait := t.addresses[at].wait(now, freeByAddress, mostByAddress)
	if _, home := t.homes[user][at]; !home {
		wait = max(wait, t.users[user].wait(now, freeByUser, mostByUser))
	}
	if wait > 0 {
		return wait
	}
	t.addresses.add(at, now)
	t.users.add(user, now)
	return 0
}

// undo takes a try back that nobody looked at.
func (t *throttle) undo(user string, from netip.Addr) {
	t.addresses.takeBack(origin(from))
	t.users.takeBack(user)
}

// passed forgets the failures of who has been let in.
func (t *throttle) passed(user string, from netip.Addr) {
	at := origin(from)
	delete(t.addresses, at)
	delete(t.users, user)
	if len(t.homes[user]) >= maxHomes || t.homes[user] == nil {
		t.homes[user] = map[netip.Prefix]struct{}{}
	}
	t.homes[user][at] = struct{}{}
}
