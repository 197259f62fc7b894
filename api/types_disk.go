package api

// DiskUsage answers GET /disk. All sizes are bytes as the disk has them given out.
type DiskUsage struct {
	SchemaVersion int           `json:"schemaVersion" enum:"1"`
	DataDir       string        `json:"data_dir"`
	Free          int64         `json:"free_bytes" doc:"What may still be written to the disk of the data directory"`
	Total         int64         `json:"total_bytes" doc:"Of that disk"`
	Used          int64         `json:"used_bytes" doc:"By the data directory"`
	Folders       []DiskFolder  `json:"folders" doc:"Parts of the data directory, the largest first"`
	Services      []DiskService `json:"services" doc:"The largest first"`
}

// DiskFolder is a part of the data directory.
type DiskFolder struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Files int    `json:"files"`
}

// DiskService is what one service takes.
type DiskService struct {
	Service      string `json:"service"`
	Releases     int    `json:"releases"`
	ReleaseBytes int64  `json:"release_bytes"`
	Environments int    `json:"environments" doc:"That its releases use"`
	Own          int64  `json:"environment_bytes" doc:"Of those that no other service uses"`
	Common       int64  `json:"shared_environment_bytes" doc:"Of those that others use, too"`
	LogBytes     int64  `json:"log_bytes" doc:"Logs of its instances"`
	Bytes        int64  `json:"bytes" doc:"Without what it shares"`
}

// PruneRequest asks for a clean-up.
type PruneRequest struct {
	DryRun bool `json:"dry_run,omitempty" doc:"Only say what would be removed"`
}

// PruneResult is what a clean-up removes, or has removed.
type PruneResult struct {
	SchemaVersion int         `json:"schemaVersion" enum:"1"`
	DryRun        bool        `json:"dry_run"`
	Bytes         int64       `json:"bytes" doc:"That are free then"`
	Items         []PruneItem `json:"items" doc:"In the order in which they go"`
}

// PruneItem is one thing that nobody needs any more.
type PruneItem struct {
	Kind    string `json:"kind" enum:"release,environment,left-over,deploys,lfs,mirror"`
	Service string `json:"service" doc:"Empty when it is of none"`
	Name    string `json:"name"`
	Path    string `json:"path" doc:"The first of its files or folders; empty when there are none"`
	Paths   int    `json:"paths" doc:"How many there are"`
	Bytes   int64  `json:"bytes"`
	Removed bool   `json:"removed"`
	Kept    string `json:"kept" doc:"Why it was not removed"`
}
