package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"

	"aictl/gitea"
)

// forge is the configured Gitea, nil when none is. The token file is read each time, so that a new token needs no restart.
func (d *Daemon) forge(context.Context) (*gitea.Client, error) {
	s := d.settings.current().Gitea
	if s.URL == "" {
		return nil, nil
	}
	token := s.Token
	if token == "" && s.TokenFile != "" {
		data, err := os.ReadFile(s.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the Gitea token (gitea.token_file): %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	return gitea.NewClient(gitea.ClientConfig{URL: s.URL, Token: token})
}
