package autodeploy

import (
	"context"

	"aictl/gitea"
	"aictl/store"
)

// unborn are candidates that are no services yet: their first deploy did not come that far, and a push may mend it.
func (e *Engine) unborn(ctx context.Context, forges []gitea.Connection, others map[string]bool) ([]candidate, error) {
	if e.Unborn == nil {
		return nil, nil
	}
	rows, err := e.Unborn(ctx)
	if err != nil {
		return nil, err
	}
	var out []candidate
	for _, row := range rows {
		svc := store.Service{Name: row.Service, Source: row.Source}
		if address := addressOf(svc.Source, forges); address != "" && !others[svc.Name] {
			out = append(out, candidate{Service: svc, address: address, first: row})
		}
	}
	return out, nil
}

// reached reports whether a candidate's repository is known to be there: one that was misspelt is not asked every minute.
func (s candidate) reached() bool { return s.first.ID == 0 || s.first.Commit != "" }
