package api

import "time"

// Forge is a connected Gitea, without its token.
type Forge struct {
	Name    string `json:"name" doc:"Of the connection"`
	URL     string `json:"url"`
	Owner   string `json:"owner,omitempty" doc:"Of new repositories; absent: the token's user"`
	Prefix  string `json:"prefix,omitempty" doc:"Of new repositories' names"`
	Login   string `json:"login,omitempty" doc:"Whose token it was when it was connected"`
	Hint    string `json:"hint,omitempty" doc:"The token's last characters"`
	Default bool   `json:"default" doc:"owner/repo is meant there"`
	From    string `json:"from" enum:"environment,stored,file" doc:"Who says so: a variable, aictl gitea connect, or the settings file"`
	Error   string `json:"error,omitempty" doc:"Why it cannot be used"`
}

// ForgeList answers GET /gitea.
type ForgeList struct {
	SchemaVersion int     `json:"schemaVersion"`
	Forges        []Forge `json:"forges" doc:"The default one first"`
}

// ForgeRequest is the body of POST /gitea. What is absent stays as it was for a connection that is there.
type ForgeRequest struct {
	URL     string  `json:"url" minLength:"1" maxLength:"1000" doc:"Of the web interface"`
	Name    string  `json:"name,omitempty" maxLength:"64" doc:"Of the connection; made from the host when absent"`
	Token   string  `json:"token,omitempty" maxLength:"1000" doc:"Access token; absent keeps the one that is stored for this name and address"`
	Owner   *string `json:"owner,omitempty" maxLength:"100" doc:"User or organization that new repositories belong to; empty: the token's user"`
	Prefix  *string `json:"prefix,omitempty" maxLength:"50" doc:"What the names of new repositories begin with"`
	Default bool    `json:"default,omitempty" doc:"owner/repo is meant there from now on"`
}

// Scope is a scope that a token has or lacks.
type Scope struct {
	Scope string `json:"scope" doc:"As Gitea spells it"`
	For   string `json:"for" doc:"What aictl does with it"`
	Has   bool   `json:"has"`
}

// ForgeCheck is what a connected Gitea is good for.
type ForgeCheck struct {
	SchemaVersion int     `json:"schemaVersion"`
	Forge         Forge   `json:"forge"`
	Version       string  `json:"version,omitempty" doc:"What the server runs"`
	Old           bool    `json:"old,omitempty" doc:"It is older than aictl is made for"`
	OldestVersion string  `json:"oldest_version" doc:"That aictl is made for"`
	Login         string  `json:"login,omitempty" doc:"Whose token it is; absent when it may not tell"`
	OwnerKind     string  `json:"owner_kind,omitempty" enum:"user,organization,other" doc:"Of the owner of new repositories; absent when it cannot be told"`
	Scopes        []Scope `json:"scopes"`
	OK            bool    `json:"ok" doc:"Repositories can be cloned"`
	Error         string  `json:"error,omitempty" doc:"Why not"`
}

// ForgeRemoved answers POST /gitea/{name}/disconnect.
type ForgeRemoved struct {
	SchemaVersion int      `json:"schemaVersion"`
	Name          string   `json:"name"`
	Services      []string `json:"services" doc:"That came from there; they go on, and are not deployed anew from there"`
}

// ForgeChange is how a connection was from a revision on.
type ForgeChange struct {
	Revision int64     `json:"revision"`
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Owner    string    `json:"owner,omitempty"`
	Prefix   string    `json:"prefix,omitempty"`
	Hint     string    `json:"hint,omitempty" doc:"The token's last characters"`
	Login    string    `json:"login,omitempty" doc:"Whose token it is"`
	Removed  bool      `json:"removed,omitempty" doc:"It was disconnected"`
	Actor    string    `json:"actor" doc:"Who did it"`
	At       time.Time `json:"at"`
}

// ForgeHistory answers GET /gitea/history.
type ForgeHistory struct {
	SchemaVersion int           `json:"schemaVersion"`
	Changes       []ForgeChange `json:"changes" doc:"Newest first"`
}

// ForgeRollback is the body of POST /gitea/{name}/rollback.
type ForgeRollback struct {
	Revision int64 `json:"revision,omitempty" minimum:"0" doc:"How it was then; absent: before its last change"`
}

// ForgeRepository is a repository of a connected Gitea.
type ForgeRepository struct {
	Name          string    `json:"name" doc:"owner/name"`
	URL           string    `json:"url" doc:"For git clone"`
	Description   string    `json:"description,omitempty"`
	DefaultBranch string    `json:"default_branch,omitempty"`
	Empty         bool      `json:"empty,omitempty"`
	Private       bool      `json:"private,omitempty"`
	Archived      bool      `json:"archived,omitempty"`
	SizeBytes     int64     `json:"size_bytes"`
	UpdatedAt     time.Time `json:"updated_at,omitzero"`
	Services      []string  `json:"services" doc:"That are deployed from it"`
	Looks         string    `json:"looks,omitempty" enum:"manifest,procfile,python,node,package" doc:"What its files make of it: an aictl.yaml, a Procfile, a main.py or app.py, a package.json, or Python without a program; absent: nothing that aictl starts, or nobody looked"`
}

// ForgeRepositories answers GET /gitea/{name}/repositories.
type ForgeRepositories struct {
	SchemaVersion int               `json:"schemaVersion"`
	Forge         string            `json:"forge" doc:"The connection"`
	Repositories  []ForgeRepository `json:"repositories" doc:"The latest changed first"`
}

// ForgeRepositoryRequest is the body of POST /gitea/{name}/repositories.
type ForgeRepositoryRequest struct {
	Name        string `json:"name" minLength:"1" maxLength:"201" doc:"owner/name, or the name alone: then the connection's owner and prefix count"`
	Description string `json:"description,omitempty" maxLength:"500"`
	Branch      string `json:"branch,omitempty" maxLength:"100" doc:"The default branch; the Gitea's own choice when absent"`
	Public      bool   `json:"public,omitempty" doc:"Everybody may read it"`
}

// ForgeRepositoryCreated answers POST /gitea/{name}/repositories.
type ForgeRepositoryCreated struct {
	SchemaVersion int             `json:"schemaVersion"`
	Forge         string          `json:"forge" doc:"The connection"`
	Repository    ForgeRepository `json:"repository"`
}
