package api

// giteaRoutes are the calls about connected Giteas.
var giteaRoutes = []string{"GET /api/v1/gitea"}
