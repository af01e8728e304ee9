package elbv2api

import (
	"fmt"
	"net/http"
)

// Error is what a request is refused with, in AWS's words.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html
type Error struct {
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// fail makes an Error.
func fail(code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// orElse is the refusal of an ARN in a list: one that is none keeps its own words.
func (e *Error) orElse(message string) *Error {
	if e.Code == codeValidationError {
		return e
	}
	return &Error{e.Code, message}
}

// Codes of errors.
const (
	codeCertificateNotFound         = "CertificateNotFound"
	codeDuplicateListener           = "DuplicateListener"
	codeDuplicateLoadBalancerName   = "DuplicateLoadBalancerName"
	codeDuplicateTagKeys            = "DuplicateTagKeys"
	codeDuplicateTargetGroupName    = "DuplicateTargetGroupName"
	codeIncompatibleProtocols       = "IncompatibleProtocols"
	codeIncompleteSignature         = "IncompleteSignature"
	codeInternalFailure             = "InternalFailure"
	codeInvalidAction               = "InvalidAction"
	codeInvalidClientTokenID        = "InvalidClientTokenId"
	codeInvalidConfigurationRequest = "InvalidConfigurationRequest"
	codeInvalidLoadBalancerAction   = "InvalidLoadBalancerAction"
	codeInvalidSubnet               = "InvalidSubnet"
	codeInvalidTarget               = "InvalidTarget"
	codeListenerNotFound            = "ListenerNotFound"
	codeLoadBalancerNotFound        = "LoadBalancerNotFound"
	codeMalformedQueryString        = "MalformedQueryString"
	codeMissingAction               = "MissingAction"
	codeMissingAuthenticationToken  = "MissingAuthenticationToken"
	codeOperationNotPermitted       = "OperationNotPermitted"
	codePriorityInUse               = "PriorityInUse"
	codeRequestEntityTooLarge       = "RequestEntityTooLarge"
	codeResourceInUse               = "ResourceInUse"
	codeRuleNotFound                = "RuleNotFound"
	codeServiceUnavailable          = "ServiceUnavailable"
	codeSignatureDoesNotMatch       = "SignatureDoesNotMatch"
	codeSSLPolicyNotFound           = "SSLPolicyNotFound"
	codeTargetGroupNotFound         = "TargetGroupNotFound"
	codeThrottling                  = "Throttling"
	codeTooManyActions              = "TooManyActions"
	codeTooManyCertificates         = "TooManyCertificates"
	codeTooManyListeners            = "TooManyListeners"
	codeTooManyLoadBalancers        = "TooManyLoadBalancers"
	codeTooManyRules                = "TooManyRules"
	codeTooManyTags                 = "TooManyTags"
	codeTooManyTargetGroups         = "TooManyTargetGroups"
	codeTooManyTargets              = "TooManyTargets"
	codeUnsupportedProtocol         = "UnsupportedProtocol"
	codeValidationError             = "ValidationError"
)

// statuses are those of the codes that are not answered with 400.
var statuses = map[string]int{
	codeInternalFailure:            http.StatusInternalServerError,
	codeInvalidClientTokenID:       http.StatusForbidden,
	codeMissingAuthenticationToken: http.StatusForbidden,
	codeRequestEntityTooLarge:      http.StatusRequestEntityTooLarge,
	codeServiceUnavailable:         http.StatusServiceUnavailable,
	codeSignatureDoesNotMatch:      http.StatusForbidden,
}

// status is what the code is answered with.
func (e *Error) status() int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusBadRequest
}
