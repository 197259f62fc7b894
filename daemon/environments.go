package daemon

import (
	"aictl/configs"
	"aictl/deploy/envs"
)

// newEnvironments is the builder of environments that the settings ask for.
func (d *Daemon) newEnvironments(s configs.DeploySettings) *envs.Builder {
	c := envs.Config{
		Root: d.dir.Envs(), Tools: d.dir.Tools(), Wheels: d.dir.Wheels(), UV: s.UV, Python: s.Python, Node: s.Node, Index: s.PipIndex, Offline: s.Offline, Logger: d.log,
	}
	switch s.UV {
	case "auto":
		c.UV = ""
	case "fetch":
		c.UV, c.FetchUV = "", true
	case "off":
		c.UV = "none"
	}
	return envs.New(c)
}
