package configs

import (
	"os"
	"path/filepath"
	"time"
)

// DefaultSettingsFile is read when it exists and no other file is asked for.
const DefaultSettingsFile = "/etc/aictl/config.yaml"

// Settings are the daemon's. The tag only limits where a key may come from: not from the database (nodb), which it
// is needed to find; not from the file (secret), which others may read. The tag takes is the Effect of a change.
type Settings struct {
	DataDir       string           `yaml:"data_dir" only:"nodb" takes:"restart" help:"where everything is kept"`
	Listen        string           `yaml:"listen" takes:"restart" help:"address of the API"`
	GatewayListen string           `yaml:"gateway_listen" takes:"restart" help:"address of the gateway"`
	PublicURL     string           `yaml:"public_url" help:"address under which others reach the API, for links in commit statuses and for webhooks"`
	TLS           TLSSettings      `yaml:"tls"`
	GatewayTLS    TLSSettings      `yaml:"gateway_tls"`
	Trusted       []string         `yaml:"trusted_proxies" help:"addresses or networks of servers in front of the gateway that are believed about clients"`
	Ports         PortRange        `yaml:"ports" help:"ports given to services, first-last"`
	Lang          string           `yaml:"lang" help:"language of messages: en, zh or auto"`
	Log           LogSettings      `yaml:"log"`
	Gitea         GiteaSettings    `yaml:"gitea"`
	Deploy        DeploySettings   `yaml:"deploy"`
	Recorder      RecorderSettings `yaml:"recorder"`
	Records       RecordSettings   `yaml:"records"`
	Hooks         HookSettings     `yaml:"hooks"`

	origin map[string]string // path → source, for keys that are not the default
	from   Sources           // what Load was given
	// content is what the file held.
	content []byte
}

// LogSettings are the daemon's own log.
type LogSettings struct {
	Level  string `yaml:"level" help:"debug, info, warn or error"`
	Format string `yaml:"format" help:"text, json, or auto: text on a terminal"`
}

// GiteaSettings connect the forge.
type GiteaSettings struct {
	URL       string `yaml:"url" help:"address of the Gitea server"`
	Owner     string `yaml:"owner" help:"user or organisation that new repositories belong to"`
	TokenFile string `yaml:"token_file" help:"file that holds the access token"`
	Token     string `yaml:"token" only:"secret" help:"the access token itself"`
	// WebhookURL is the API's address as the forge reaches it; "" is PublicURL, and without one found out.
	WebhookURL string `yaml:"webhook_url" help:"address of the API as the forge's server reaches it, for webhooks; public_url when left out"`
}

// DeploySettings bound and equip deploys.
type DeploySettings struct {
	BuildSlots   int      `yaml:"build_slots" help:"environments built at the same time"`
	KeepReleases int      `yaml:"keep_releases" help:"releases kept per service, the live one included"`
	KeepDeploys  int      `yaml:"keep_deploys" help:"deploys kept per service with their logs, beside those whose release is kept"`
	MinFree      Size     `yaml:"min_free" help:"disk space below which nothing is deployed, but at most a fiftieth of the disk; 0 for no limit"`
	StepTimeout  Duration `yaml:"step_timeout" help:"longest time one step of a deploy may take"`
	PreviewLimit int      `yaml:"preview_limit" help:"previews of pull requests that a service may have at a time; 0 for none"`
	PreviewAge   Duration `yaml:"preview_age" help:"time without a push after which a preview is removed; 0s for never"`
	UV           string   `yaml:"uv" takes:"upgrade" help:"the uv program, auto to look for it, fetch to get it with pip when it is missing, off to use venv and pip"`
	Python       string   `yaml:"python" takes:"upgrade" help:"the Python that environments are made from"`
	Node         string   `yaml:"node" takes:"upgrade" help:"the node program"`
	PipIndex     string   `yaml:"pip_index" takes:"upgrade" help:"package index for services that name none"`
	Offline      bool     `yaml:"offline" takes:"upgrade" help:"builds ask no network: packages come from wheelhouses and imported environments"`
}

// RecorderSettings bound the recorder.
type RecorderSettings struct {
	QueueBytes Size     `yaml:"queue_bytes" help:"memory for exchanges that wait to be written"`
	Retention  Duration `yaml:"retention" help:"how long exchanges are kept; 0s for ever"`
	MaxBytes   Size     `yaml:"max_bytes" help:"disk space for exchanges, the oldest day goes first; 0 for no limit"`
}

// HookSettings are told of what happens to any service, and to the daemon.
type HookSettings struct {
	On []DaemonHook `yaml:"on" help:"commands and addresses that are told of events"`
}

// DaemonHook is a state hook for the services that a pattern of Services matches, all without any.
type DaemonHook struct {
	Services []string `yaml:"services,omitempty" json:"services,omitempty"` // names or globs
	Events   []string `yaml:"events" json:"events"`
	Command  string   `yaml:"command,omitempty" json:"command,omitempty"`
	URL      string   `yaml:"url,omitempty" json:"url,omitempty"`
}

// DefaultSettings are the settings when nothing is set.
func DefaultSettings() Settings {
	return Settings{
		DataDir:       DefaultDataDir(),
		Listen:        "127.0.0.1:7600",
		GatewayListen: "127.0.0.1:7680",
		Ports:         PortRange{8001, 8999},
		Lang:          "auto",
		Log:           LogSettings{Level: "info", Format: "auto"},
		Deploy: DeploySettings{
			BuildSlots:   2,
			KeepReleases: 5,
			KeepDeploys:  200,
			MinFree:      512 << 20,
			StepTimeout:  Duration(15 * time.Minute),
			PreviewLimit: 5,
			PreviewAge:   Duration(7 * 24 * time.Hour),
			UV:           "auto",
			Python:       "python3",
			Node:         "node",
		},
		Recorder: RecorderSettings{QueueBytes: 64 << 20, Retention: Duration(30 * 24 * time.Hour)},
	}
}

// DefaultDataDir is /var/lib/aictl for root, and aictl below XDG_DATA_HOME or ~/.local/share for everyone else.
func DefaultDataDir() string { return dataDir(os.Geteuid(), os.Getenv) }

func dataDir(uid int, getenv func(string) string) string {
	if uid == 0 {
		return "/var/lib/aictl"
	}
	// The XDG specification has relative paths ignored.
	if base := getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "aictl")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "aictl")
}
