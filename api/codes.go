package api

// Prefix is the path below which the API lives.
const Prefix = "/api/v1"

// The stable codes of problem documents and of action results.
const (
	CodeInvalid          = "invalid"            // 400 and 422: the request is wrong; errors names the paths
	CodeUnauthorized     = "unauthorized"       // 401: no token or a wrong one
	CodeNotFound         = "not_found"          // 404: no such service, deploy, release or record
	CodeNoRoute          = "no_route"           // 404: no such address
	CodeMethodNotAllowed = "method_not_allowed" // 405
	CodeConflict         = "conflict"           // 409: not possible in the present state
	CodeTooLarge         = "too_large"          // 413
	CodeMediaType        = "unsupported_media"  // 415
	CodeInternal         = "internal"           // 500: a fault of aictl; instance is the id in its log
	CodeUnavailable      = "unavailable"        // 503: a part of aictl is not ready or gone
	CodePortsExhausted   = "ports_exhausted"    // 503: no port is left in the range
	CodeTimeout          = "timeout"            // 408 and 504: it did not happen in time
	CodeDiskFull         = "disk_full"          // 507
	CodeForeign          = "foreign_answer"     // client only: the answer did not come from aictl
)
