package api

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
