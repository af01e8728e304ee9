package telemetry

// Orders that an operator gives for a target, in HAProxy's words. The first three are also what
// holds of a target.
const (
	OrderReady       = "ready"
	OrderDrain       = "drain"
	OrderMaintenance = "maintenance"
	OrderWeight      = "weight"
)
