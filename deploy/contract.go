package deploy

import (
	"context"
	"net"
	"strconv"
)

// ContractInput is a healthy candidate whose interface is to be kept and compared with that of the release that is live. Warn adds a
// warning to the deploy, Log a line to its log; neither is nil.
type ContractInput struct {
	Service string
	Release string
	Live    string // the release that is live, "" without
	Addr    string // host:port of the candidate
	Mode    string // algorithm.interface of the manifest
	Warn    func(string)
	Log     func(string)
}

// checkContract has the candidate's interface compared, after the standard one was looked for.
func (r *runner) checkContract(ctx context.Context) (string, error) {
	if r.Contract == nil {
		return "", nil
	}
	svc, err := r.Store.Service(ctx, r.dep.Service)
	if err != nil {
		return "", err
	}
	return r.Contract(ctx, ContractInput{
		Service: svc.Name, Release: r.release.ID, Live: svc.Release, Mode: r.manifest.Algorithm.Interface,
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(r.started[0].Port)),
		Warn: func(text string) { r.warn(ctx, text) }, Log: r.buildLine,
	})
}
