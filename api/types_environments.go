package api

import "time"

// EnvironmentList is the document of `GET /api/v1/environments`.
type EnvironmentList struct {
	SchemaVersion int           `json:"schemaVersion" enum:"1"`
	Environments  []Environment `json:"environments"`
}

// EnvironmentDocument is the document of `GET /api/v1/environments/{name}`.
type EnvironmentDocument struct {
	SchemaVersion int                  `json:"schemaVersion" enum:"1"`
	Environment   Environment          `json:"environment"`
	Packages      []EnvironmentPackage `json:"packages"`
}

// Environment is a built environment, which releases share, and what it has cost.
type Environment struct {
	Key          string           `json:"key"`
	What         string           `json:"what" doc:"How it was made, for people"`
	BuiltAt      time.Time        `json:"built_at"`
	BuildSeconds float64          `json:"build_seconds"`
	Bytes        int64            `json:"bytes" doc:"Room on the disk"`
	SharedBytes  int64            `json:"shared_bytes" doc:"The part of bytes that is in a package cache, too, and takes no room of its own"`
	Files        int              `json:"files"`
	Uses         []EnvironmentUse `json:"uses" doc:"The releases that it is kept for; without any it goes with the next clean-up"`
}

// EnvironmentUse is a release that runs in an environment.
type EnvironmentUse struct {
	Service string `json:"service"`
	Release string `json:"release"`
	Live    bool   `json:"live"`
}

// EnvironmentPackage is a package in an environment.
type EnvironmentPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Bytes   int64  `json:"bytes" doc:"0 where that is not known"`
}

// EnvironmentImport is what came of an import.
type EnvironmentImport struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Key           string   `json:"key" doc:"Of the environment at the machine that it was exported on"`
	What          string   `json:"what"`
	Python        string   `json:"python"`
	Wheels        []string `json:"wheels"`
	New           int      `json:"new" doc:"Wheels that were not there"`
	Bytes         int64    `json:"bytes"`
	Warnings      []string `json:"warnings"`
}
