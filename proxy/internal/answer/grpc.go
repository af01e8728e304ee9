package answer

// grpcCode is a gRPC status code as it stands in grpc-status and grpc-message.
type grpcCode struct {
	number, message []byte
}

func newGRPCCode(number, message string) *grpcCode {
	return &grpcCode{[]byte(number), []byte(message)}
}

var (
	grpcUnknown          = newGRPCCode("2", "unknown")
	grpcPermissionDenied = newGRPCCode("7", "permission denied")
	grpcUnimplemented    = newGRPCCode("12", "unimplemented")
	grpcInternal         = newGRPCCode("13", "internal")
	grpcUnavailable      = newGRPCCode("14", "unavailable")
	grpcUnauthenticated  = newGRPCCode("16", "unauthenticated")
)

// grpcCodeOf maps a status to the code that a gRPC client would conclude from it, so that
// the client sees the same whether it reads grpc-status or not. An ALB is known to send 14
// with a 502; for the other statuses AWS documents nothing.
//
// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
func grpcCodeOf(status int) *grpcCode {
	switch status {
	case 400:
		return grpcInternal
	case 401:
		return grpcUnauthenticated
	case 403:
		return grpcPermissionDenied
	case 404:
		return grpcUnimplemented
	case 429, 502, 503, 504:
		return grpcUnavailable
	default:
		return grpcUnknown
	}
}
