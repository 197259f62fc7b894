package api

import "time"

// Repository is one that aictl hosts itself.
type Repository struct {
	Name          string    `json:"name"`
	URL           string    `json:"url" doc:"For git clone and git push; the API's token is the password"`
	DefaultBranch string    `json:"default_branch"`
	Empty         bool      `json:"empty" doc:"Nothing has been pushed yet"`
	SizeBytes     int64     `json:"size_bytes" doc:"On disk, LFS objects included"`
	PushedAt      time.Time `json:"pushed_at,omitzero" doc:"Absent when nothing has been pushed"`
}

// RepositoryList answers GET /repositories.
type RepositoryList struct {
	SchemaVersion int          `json:"schemaVersion" enum:"1"`
	Repositories  []Repository `json:"repositories" doc:"By name"`
}

// RepositoryDocument is about one hosted repository.
type RepositoryDocument struct {
	SchemaVersion int        `json:"schemaVersion" enum:"1"`
	Repository    Repository `json:"repository"`
}

// RepositoryRequest is the body of POST /repositories.
type RepositoryRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"Letters, digits, ., _ and -"`
}
