package daemon

import (
	"aictl/configs"
	"aictl/forges"
)

// newForges makes the book of connected Giteas, which asks for the settings whenever it is read.
func (d *Daemon) newForges() *forges.Book {
	return forges.New(forges.Deps{
		Store:    d.store,
		Settings: func() configs.Settings { return d.settings.current() },
		Logger:   d.log,
	})
}
