package aggregate

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Status is what an environment or a target group is in.
type Status string

// Statuses, from good to bad.
const (
	StatusOK Status = "ok"
	// StatusIdle is a group that gets no requests or has no targets. It tells nothing of the
	// environment.
	StatusIdle Status = "idle"
	// StatusDegraded serves, and someone should look.
	StatusDegraded Status = "degraded"
	// StatusUnknown could not be seen.
	StatusUnknown Status = "unknown"
	// StatusDown does not serve most requests.
	StatusDown Status = "down"
)

// Schema is the version of the document. Keys are added without another number; none is
// removed or changes its meaning.
const Schema = 1

// Document is the health of an environment as people and programs read it. Durations are in
// seconds and shares in percent; a share of nothing is null.
type Document struct {
	Schema      int    `json:"schema"`
	App         string `json:"app"`
	Environment string `json:"environment"`
	// LoadBalancer is its name.
	LoadBalancer string `json:"load_balancer"`
	// Status is ok, degraded, unknown or down.
	Status Status `json:"status"`
	// Reasons say why it is not ok.
	Reasons []string `json:"reasons"`
	// MeasuredAt is when the round of checks ended, and Age how long ago that is.
	MeasuredAt time.Time `json:"measured_at"`
	Age        float64   `json:"age_seconds"`
	// Duration of the round.
	Duration float64  `json:"duration_seconds"`
	Coverage Coverage `json:"coverage"`
	// TargetGroups by name.
	TargetGroups []GroupHealth `json:"target_groups"`
	// Deep sums up deep checks, each target once; null if there were none.
	Deep *DeepHealth `json:"deep"`
	// Fleets that fill target groups, by name.
	Fleets []FleetHealth `json:"fleets"`
	// Problems are what could not be seen.
	Problems []string `json:"problems"`
}

// Coverage is how much of what there is was seen.
type Coverage struct {
	// Complete says that all was seen.
	Complete         bool `json:"complete"`
	TargetGroups     int  `json:"target_groups"`
	TargetGroupsSeen int  `json:"target_groups_seen"`
	// DeepChecks are how many targets were to be asked, and DeepChecksDone how many were, and
	// answered or had their time to.
	DeepChecks     int `json:"deep_checks"`
	DeepChecksDone int `json:"deep_checks_done"`
}

// Counts of targets by state.
type Counts struct {
	Healthy     int `json:"healthy"`
	Unhealthy   int `json:"unhealthy"`
	Initial     int `json:"initial"`
	Draining    int `json:"draining"`
	Unused      int `json:"unused"`
	Unavailable int `json:"unavailable"`
}

// GroupHealth is the health of a target group.
type GroupHealth struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Counts Counts `json:"targets"`
	// Reasons is how many targets have each reason code.
	Reasons map[string]int `json:"reasons"`
	// HealthyShare is healthy / (healthy + unhealthy).
	HealthyShare *float64 `json:"healthy_share"`
	// FailOpen says that so few targets are healthy that requests go to all.
	FailOpen bool `json:"fail_open"`
	// Zones by name, and MinZone the one with the smallest share.
	Zones   []ZoneHealth `json:"zones"`
	MinZone string       `json:"min_zone"`
	// OldestInitial is how long a target has been initial; null if none is.
	OldestInitial *float64 `json:"oldest_initial_seconds"`
	// Deep sums up the group's deep checks; null if there were none.
	Deep *DeepHealth `json:"deep"`
}

// ZoneHealth is the part of a target group that is in one zone.
type ZoneHealth struct {
	Zone         string   `json:"zone"`
	Counts       Counts   `json:"targets"`
	HealthyShare *float64 `json:"healthy_share"`
}

// DeepHealth is what targets say of themselves. Targets that are initial are asked and not
// counted: they have not begun.
type DeepHealth struct {
	// HealthyShare is of those asked the share that passed.
	HealthyShare *float64 `json:"healthy_share"`
	// AnsweringShare is the share that passed or is impaired: it serves.
	AnsweringShare *float64 `json:"answering_share"`
	// Outcomes is how many checks ended in which way.
	Outcomes map[Outcome]int `json:"outcomes"`
	// Dependencies by name.
	Dependencies []DependencyHealth `json:"dependencies"`
	// Versions is how many targets run which version. VersionSkew says that it is more than
	// one, as in the middle of a deploy.
	Versions    map[string]int `json:"versions"`
	VersionSkew bool           `json:"version_skew"`
}

// DependencyHealth is how many targets have which verdict on what they depend on.
type DependencyHealth struct {
	Name     string `json:"name"`
	Up       int    `json:"up"`
	Degraded int    `json:"degraded"`
	Down     int    `json:"down"`
	Unknown  int    `json:"unknown"`
	// HealthyShare is up / (up + degraded + down).
	HealthyShare *float64 `json:"healthy_share"`
	// Shared says that it is down for most targets at once, so that no target is to blame.
	Shared bool `json:"shared_failure"`
}

// FleetHealth is whether Auto Scaling, the load balancer and the application agree on an
// Auto Scaling group that fills target groups.
type FleetHealth struct {
	Name    string `json:"name"`
	Desired int    `json:"desired"`
	// InService are the instances that Auto Scaling counts on, TargetHealthy those of them
	// that are healthy in every group they belong in, DeepPassed those whose own check passed
	// as well; null without deep checks.
	InService     int  `json:"in_service"`
	TargetHealthy int  `json:"target_healthy"`
	DeepPassed    *int `json:"deep_passed"`
	// Zombies are the instances on which the three differ; at most MaxZombies, and Omitted
	// says how many more.
	Zombies []Zombie `json:"zombies"`
	Omitted int      `json:"zombies_omitted"`
}

// MaxZombies bounds how many instances of a fleet are named.
const MaxZombies = 50

// Zombie is an instance that one takes for well and another does not.
type Zombie struct {
	Instance string `json:"instance"`
	Zone     string `json:"zone"`
	Why      Why    `json:"why"`
}

// Why an instance is a Zombie.
type Why string

// Whys.
const (
	// NotRegistered: in service, and not in a target group that the fleet fills.
	NotRegistered Why = "in_service_not_registered"
	// TargetUnhealthy: in service, and unhealthy in a target group.
	TargetUnhealthy Why = "in_service_target_unhealthy"
	// DeepFailing: in service and healthy, and its own check does not pass, for a reason that
	// most targets do not share.
	DeepFailing Why = "target_healthy_deep_failing"
	// NotInFleet: registered in a group that only fleets fill, and in none of them.
	NotInFleet Why = "registered_not_in_fleet"
	// LeavingInService: the fleet is done with it, and it gets requests still.
	LeavingInService Why = "terminating_still_healthy"
)

// At returns the document as of now: of the same measurement, and older.
func (d *Document) At(now time.Time) *Document {
	later := *d
	later.Age = seconds(max(0, now.Sub(d.MeasuredAt)))
	return &later
}

// HTTPStatus is that of an answer with the document: 200 as long as the environment serves.
func (d *Document) HTTPStatus() int {
	switch d.Status {
	case StatusOK, StatusDegraded:
		return http.StatusOK
	default:
		return http.StatusServiceUnavailable
	}
}

// Fresh reports whether the document may still be served. Beyond that it would tell of a
// moment that is past.
func (d *Document) Fresh(now time.Time) bool {
	age := now.Sub(d.MeasuredAt)
	return age >= 0 && age < MaxAge
}

// MaxAge is how old a document may be that is served.
const MaxAge = time.Minute

// Answer is an HTTP answer to a request for the document.
type Answer struct {
	Status int
	// Header has one value for each name.
	Header map[string]string
	// Body is empty in an answer to HEAD.
	Body []byte
}

// methods are those that the document can be asked with.
const methods = "GET, HEAD, OPTIONS"

// Refuse returns the answer to a request that is not for the document, or nil if it is: to
// other methods, and to OPTIONS. It takes no measurement.
func Refuse(method string) *Answer {
	switch method {
	case http.MethodGet, http.MethodHead:
		return nil
	case http.MethodOptions:
		return &Answer{Status: http.StatusNoContent, Header: map[string]string{"Allow": methods}}
	}
	a := message(http.StatusMethodNotAllowed, "method not allowed")
	a.Header["Allow"] = methods
	return a
}

// NotFound is the answer to a request for another path.
func NotFound(method string) *Answer {
	return withoutBody(method, message(http.StatusNotFound, "not found"))
}

// Unmeasured is the answer when there is no document to serve.
func Unmeasured(method string) *Answer {
	a := message(http.StatusServiceUnavailable, "health could not be measured")
	a.Header["Retry-After"] = strconv.Itoa(int(MaxAge / time.Second))
	return withoutBody(method, a)
}

// Answer is the answer to a request by GET or HEAD, as of now.
func (d *Document) Answer(method string, now time.Time) *Answer {
	// All fields are numbers and strings.
	body, _ := json.MarshalIndent(d.At(now), "", "  ")
	return withoutBody(method, answer(d.HTTPStatus(), append(body, '\n')))
}

func message(status int, text string) *Answer {
	body, _ := json.Marshal(map[string]string{"error": text})
	return answer(status, append(body, '\n'))
}

func answer(status int, body []byte) *Answer {
	return &Answer{
		Status: status,
		Header: map[string]string{
			"Content-Type": "application/json",
			// Whoever kept it would tell of a moment that is past.
			"Cache-Control":          "no-store",
			"X-Content-Type-Options": "nosniff",
		},
		Body: body,
	}
}

func withoutBody(method string, a *Answer) *Answer {
	if method == http.MethodHead {
		a.Body = nil
	}
	return a
}
