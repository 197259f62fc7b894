package gateway

import "time"

// Shadow says where copies of a service's requests go: to Targets when Release is set, else to the instances of the route of Service.
// Nobody waits for the answers. Service, Release and Since identify it: counts begin anew with another.
type Shadow struct {
	Service string
	Release string
	Since   time.Time
	Percent float64 // of the requests
	Targets []Target
}
