package telemetry

// Cookie is what a request's stickiness cookie did.
type Cookie uint8

// What a stickiness cookie does. All but the first are of groups with stickiness.
const (
	// NotSticky: the group has no stickiness.
	NotSticky Cookie = iota
	// CookieHeld: the request went where its cookie says.
	CookieHeld
	// CookieAbsent: there was none, as with every client that is new.
	CookieAbsent
	// CookieUnreadable: it was not made with a key that is known here.
	CookieUnreadable
	// CookieExpired: it is older than the stickiness lasts.
	CookieExpired
	// CookieGone: its target may not get requests any more.
	CookieGone
	// CookieFull: its target has as many requests as it may.
	CookieFull
)

// Cut is which timeout ended an exchange with a target.
type Cut uint8

// The timeouts.
const (
	// NotCut: none did.
	NotCut Cut = iota
	// CutConnect: the target did not accept a connection in time.
	CutConnect
	// CutTLS: the TLS handshake with the target was not over in time.
	CutTLS
	// CutSend: the target took no more of the request.
	CutSend
	// CutAnswer: the target did not begin to answer.
	CutAnswer
	// CutBody: the target fell silent in the middle of its answer.
	CutBody
	// CutClient: the client fell silent in the middle of its request.
	CutClient
	// CutTunnel: both sides of a WebSocket or other tunnel fell silent.
	CutTunnel
	// CutKept: the target closed an idle connection, by a timeout of its own, while a request
	// was on its way over it.
	CutKept
)

// Cookies counts requests to groups with stickiness by what their cookies did: see Cookie.
type Cookies struct {
	Held       uint64 `json:"held"`
	Absent     uint64 `json:"absent"`
	Unreadable uint64 `json:"unreadable"`
	Expired    uint64 `json:"expired"`
	Gone       uint64 `json:"gone"`
	Full       uint64 `json:"full"`
}

// Total is how many requests were counted.
func (c Cookies) Total() uint64 {
	return c.Held + c.Absent + c.Unreadable + c.Expired + c.Gone + c.Full
}

// Cuts counts exchanges by the timeout that ended them: see Cut.
type Cuts struct {
	Connect uint64 `json:"connect"`
	TLS     uint64 `json:"tls"`
	Send    uint64 `json:"send"`
	Answer  uint64 `json:"answer"`
	Body    uint64 `json:"body"`
	Client  uint64 `json:"client"`
	Tunnel  uint64 `json:"tunnel"`
	Kept    uint64 `json:"kept"`
}

func (t *totals) cookies() Cookies {
	of := func(c Cookie) uint64 { return t[cookies+counter(c)] }
	return Cookies{
		Held: of(CookieHeld), Absent: of(CookieAbsent), Unreadable: of(CookieUnreadable),
		Expired: of(CookieExpired), Gone: of(CookieGone), Full: of(CookieFull),
	}
}

func (t *totals) cuts() Cuts {
	of := func(c Cut) uint64 { return t[cuts+counter(c)] }
	return Cuts{
		Connect: of(CutConnect), TLS: of(CutTLS), Send: of(CutSend), Answer: of(CutAnswer),
		Body: of(CutBody), Client: of(CutClient), Tunnel: of(CutTunnel), Kept: of(CutKept),
	}
}
