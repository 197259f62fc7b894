package api

import (
	"aictl/deploy"
	"aictl/gateway"
	"aictl/recorder"
	"aictl/replay"
	"aictl/services"
	"aictl/store"
	"aictl/store/records"
)

// What the daemon wires in fits as it is.
var (
	_ Services = (*services.Manager)(nil)
	_ Counters = (*gateway.Gateway)(nil)
	_ Events   = (*services.Events)(nil)
	_ Deploys  = (*deploy.Deployer)(nil)
	_ History  = (*store.Store)(nil)
	_ Records  = (*records.Archive)(nil)
	_ Recorder = (*recorder.Recorder)(nil)
	_ Replays  = (*replay.Engine)(nil)
)
