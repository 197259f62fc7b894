package api

import "time"

// ConfigDocument is the document of `GET /api/v1/config`: the settings that run.
type ConfigDocument struct {
	SchemaVersion int            `json:"schemaVersion" enum:"1"`
	File          string         `json:"file" doc:"The settings file on the server; empty for none"`
	Settings      []Setting      `json:"settings"`
	Waiting       []ConfigChange `json:"waiting" doc:"Changes of the file that the running daemon could not take up"`
	Refused       *ConfigRefused `json:"refused,omitempty" doc:"The file as it is now is not valid: what it said before goes on"`
}

// Setting is one of the daemon's settings. Secrets are masked.
type Setting struct {
	Key     string `json:"key" example:"log.level"`
	Value   string `json:"value"`
	Source  string `json:"source" doc:"default, a flag, a variable, or the file's path"`
	Default string `json:"default"`
	Env     string `json:"env" doc:"The variable that sets it"`
	Help    string `json:"help"`
	Secret  bool   `json:"secret"`
	Effect  string `json:"effect" enum:"live,upgrade,restart" doc:"What a change needs: nothing, a new daemon (aictl upgrade), or that aictl is stopped and started"`
}

// ConfigRefused is a settings file that is not valid.
type ConfigRefused struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason" doc:"Every fault on a line of its own"`
}

// ConfigRequest compares a settings file with what runs. Without content it is the server's own file.
type ConfigRequest struct {
	Name    string  `json:"name,omitempty" maxLength:"4096" doc:"What messages call the file"`
	Content *string `json:"content,omitempty" maxLength:"1048576"`
}

// ConfigDiff is the document of a comparison or a reload.
type ConfigDiff struct {
	SchemaVersion int            `json:"schemaVersion" enum:"1"`
	File          string         `json:"file"`
	Changes       []ConfigChange `json:"changes"`
}

// ConfigChange is one setting that is, or would be, another than what runs. Secrets are masked, so old and new can read the same.
type ConfigChange struct {
	Key      string          `json:"key"`
	Old      string          `json:"old"`
	New      string          `json:"new"`
	Source   string          `json:"source" doc:"Of the new value"`
	Effect   string          `json:"effect" enum:"live,upgrade,restart"`
	Applied  bool            `json:"applied" doc:"The running daemon has taken it up"`
	Services []ConfigRestart `json:"services" doc:"Services that would be started anew for it"`
}

// ConfigRestart is a service that a change would start anew.
type ConfigRestart struct {
	Service string `json:"service"`
	Reason  string `json:"reason"`
}
