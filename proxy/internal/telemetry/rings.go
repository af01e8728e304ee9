package telemetry

import "time"

// SampleInterval is how often Sample is to be called.
const SampleInterval = time.Second

const (
	// coarseEvery is the time between the samples that the longer windows are made from, in
	// samples.
	coarseEvery = 10
	// fineCount and coarseCount are how many samples are kept: for 10 seconds and 5 minutes, with
	// one more so that there is one at or before the beginning.
	fineCount   = 10
	coarseCount = 31
	// stepSamples is what one point of a series is about, in samples; points is how many there
	// are: 15 minutes.
	stepSamples = 5
	points      = 180
)

// sample is what all counters were at one time.
type sample struct {
	// at is 0 for one of before the rings, when all was 0.
	at      int64 // nanoseconds since the epoch
	totals  totals
	latency counts
}

// point is one step of a series.
type point struct {
	requests, errors uint32
	p95              uint32 // microseconds
}

// rings keep the samples of a target that has had requests. Their length is that of the windows
// and series, not more.
type rings struct {
	now sample
	// fine is a sample for each of the last seconds, coarse for each tenth; the next one
	// overwrites at fine[ticks%fineCount]. Until they have come round, what is not there yet
	// is zero, and so were the counters.
	fine   [fineCount]sample
	coarse [coarseCount]sample
	ticks  int // samples taken
	// step is the sample at which the step began that is under way.
	step   sample
	series [points]point
	steps  int // steps completed
}

// Sample looks at the counters. It is called once in SampleInterval.
func (t *Target) Sample(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rings == nil {
		var all totals
		if t.read(&all); all.requests() == 0 {
			return
		}
		t.rings = new(rings)
	}
	r := t.rings
	// What was the present becomes the past.
	r.fine[r.ticks%fineCount] = r.now
	if r.ticks%coarseEvery == 0 {
		r.coarse[r.ticks/coarseEvery%coarseCount] = r.now
	}
	if r.ticks%stepSamples == 0 {
		r.endStep()
	}
	r.now.at = now.UnixNano()
	t.read(&r.now.totals)
	r.now.latency.read(&t.latency)
	r.ticks++
}

// endStep adds a point to the series.
func (r *rings) endStep() {
	if r.ticks > 0 {
		var d difference
		d.add(&r.now, &r.step)
		var p95 [1]time.Duration
		d.latency.quantiles(p95[:], 0.95)
		r.series[r.steps%points] = point{
			requests: uint32(d.totals.requests()),
			errors:   uint32(d.totals.errors()),
			p95:      uint32(p95[0].Microseconds()),
		}
		r.steps++
	}
	r.step = r.now
}

// before returns the sample that was taken so many samples before the last one, or for longer
// windows a coarse one that is up to coarseEvery older.
func (r *rings) before(samples int) *sample {
	number := r.ticks - samples
	switch {
	case number < 0:
		return new(sample)
	case samples <= fineCount:
		return &r.fine[number%fineCount]
	}
	return &r.coarse[number/coarseEvery%coarseCount]
}

// difference is what happened between two samples.
type difference struct {
	totals  totals
	latency counts
}

func (d *difference) add(later, earlier *sample) {
	for i := range d.totals {
		d.totals[i] += later.totals[i] - earlier.totals[i]
	}
	d.latency.addDifference(&later.latency, &earlier.latency)
}
