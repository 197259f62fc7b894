package api

// PreviewDocument is the document of `POST /api/v1/deploys/preview`: what a deploy would change of a service.
type PreviewDocument struct {
	SchemaVersion int             `json:"schemaVersion" enum:"1"`
	Service       string          `json:"service"`
	Commit        string          `json:"commit" doc:"That would be deployed"`
	Live          ReleaseRef      `json:"live" doc:"Empty strings for a service that has no live release"`
	Changes       []PreviewChange `json:"changes"`
	Environment   PreviewEnv      `json:"environment"`
	Instances     PreviewScale    `json:"instances"`
	Warnings      []string        `json:"warnings"`
}

// PreviewChange is one key of the manifest, the commit, or a variable that would be another.
type PreviewChange struct {
	Key    string `json:"key"`
	Old    string `json:"old" doc:"Values of variables are masked"`
	New    string `json:"new"`
	Effect string `json:"effect" enum:"environment,process,policy,scale,deploy" doc:"environment: what it is built from; process: what processes are started with; policy: how they are watched, limited and recorded; scale: how many; deploy: how a deploy goes about it"`
}

// PreviewEnv is the environment that the deploy would use.
type PreviewEnv struct {
	Key    string `json:"key" doc:"Empty when none is needed"`
	Detail string `json:"detail"`
	State  string `json:"state" enum:"same,ready,build" doc:"same: the live release's; ready: built before; build: to be built"`
}

// PreviewScale is what becomes of the instances: a deploy replaces all of them.
type PreviewScale struct {
	Before   int    `json:"before"`
	After    int    `json:"after"`
	Strategy string `json:"strategy" enum:"blue-green,recreate,rolling,canary"`
}
