package desync

// Tier is how far a request is from what every HTTP implementation reads the same way.
type Tier uint8

// Tiers in rising order.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode
const (
	Compliant Tier = iota
	Acceptable
	Ambiguous
	Severe
)

// String returns the tier as the access log shows it.
func (t Tier) String() string {
	switch t {
	case Acceptable:
		return "Acceptable"
	case Ambiguous:
		return "Ambiguous"
	case Severe:
		return "Severe"
	default:
		return "Compliant"
	}
}

// Reason is why a request is not compliant, as the access log shows it. It is empty for a
// compliant one.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#classification-reasons
type Reason string

// Reasons, by the tier they raise a request to.
const (
	// Acceptable.
	GetHeadZeroContentLength Reason = "GetHeadZeroContentLength"
	NonCompliantHeader       Reason = "NonCompliantHeader"
	NonCompliantVersion      Reason = "NonCompliantVersion"
	SpaceInUri               Reason = "SpaceInUri"

	// Ambiguous.
	AmbiguousUri                       Reason = "AmbiguousUri"
	BothTeClPresent                    Reason = "BothTeClPresent"
	DuplicateContentLength             Reason = "DuplicateContentLength"
	EmptyHeader                        Reason = "EmptyHeader"
	SuspiciousHeader                   Reason = "SuspiciousHeader"
	UndefinedContentLengthSemantics    Reason = "UndefinedContentLengthSemantics"
	UndefinedTransferEncodingSemantics Reason = "UndefinedTransferEncodingSemantics"

	// Severe.
	BadContentLength                Reason = "BadContentLength"
	BadHeader                       Reason = "BadHeader"
	BadMethod                       Reason = "BadMethod"
	BadTransferEncoding             Reason = "BadTransferEncoding"
	BadUri                          Reason = "BadUri"
	BadVersion                      Reason = "BadVersion"
	MultipleContentLength           Reason = "MultipleContentLength"
	MultipleTransferEncodingChunked Reason = "MultipleTransferEncodingChunked"
	SuspiciousTeClPresent           Reason = "SuspiciousTeClPresent"
)
