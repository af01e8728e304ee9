package main

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Codes of errors that say something of what was asked about, and not of the asking.
const (
	// codeValidation is Auto Scaling's for, among much else, an action that is not active.
	codeValidation          = "ValidationError"
	codeTargetGroupNotFound = "TargetGroupNotFound"
	codeInvalidTarget       = "InvalidTarget"
)

// firstServerError is the first status by which a server says that it is at fault.
const firstServerError = 500

// code is the code of AWS's error; empty if AWS did not answer.
func code(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}

// busyCodes are refusals for the moment that SDKs do not know as such.
var busyCodes = map[string]bool{
	"ResourceContention":    true, // Auto Scaling changes the same thing
	"ScalingActivityFault":  true,
	"ExpiredToken":          true, // of the credentials; the next are fetched
	"ExpiredTokenException": true,
}

// isTransient tells whether the same call may succeed a little later: nobody answered, the
// service could not, or it was asked too often. All that it refused otherwise it will refuse
// again.
func isTransient(err error) bool {
	if err == nil {
		return false
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return true
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() >= firstServerError {
		return true
	}
	if answer.ErrorFault() == smithy.FaultServer || busyCodes[answer.ErrorCode()] {
		return true
	}
	_, throttled := retry.DefaultThrottleErrorCodes[answer.ErrorCode()]
	_, retryable := retry.DefaultRetryableErrorCodes[answer.ErrorCode()]
	return throttled || retryable
}
