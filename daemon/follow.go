package daemon

import (
	"context"
	"time"

	"aictl/configs"
	"aictl/deploy"
	"aictl/ports"
)

// follow makes the parts do what the settings now say. Only live settings differ between the two.
func (d *Daemon) follow(old, next configs.Settings) {
	if old.Log != next.Log && d.cfg.Relog != nil {
		d.cfg.Relog(next.Log)
	}
	d.recorder.Resize(int64(next.Recorder.QueueBytes))
	d.services.SetHooks(next.Hooks.On)
	d.trust(next)
	d.sinks.Set(sinkConfigs(next.Records.Sinks))
	d.deployer.Tune(next.Deploy.BuildSlots, next.Deploy.KeepReleases, next.Deploy.KeepDeploys, deploy.StepLimits(time.Duration(next.Deploy.StepTimeout)))
	if old.Ports != next.Ports {
		if err := d.ports.SetRange(context.Background(), ports.Range(next.Ports)); err != nil {
			d.log.Error("range of ports not taken up", "ports", next.Ports, "err", err)
		}
	}
	if old.Recorder.Retention != next.Recorder.Retention || old.Recorder.MaxBytes != next.Recorder.MaxBytes {
		select {
		case d.sweepNow <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// trust tells the gateway whom to believe about clients.
func (d *Daemon) trust(s configs.Settings) {
	fronts, err := configs.TrustedProxies(s.Trusted)
	if err != nil {
		d.log.Error("trusted proxies not taken up", "err", err) // the settings have been checked
		return
	}
	d.gateway.Trust(fronts)
}
