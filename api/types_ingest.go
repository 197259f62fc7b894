package api

import "aictl/interchange"

// PostedRecord is a record as posters send it, and a line of an export.
type PostedRecord = interchange.Entry

// PostReceipt is the document of `POST /api/v1/records`. All records of it that are not rejected are durable.
type PostReceipt struct {
	SchemaVersion int `json:"schemaVersion" enum:"1"`
	interchange.Receipt
	Warnings []string `json:"warnings,omitempty"`
}

// PostOptions say how posted records are taken.
type PostOptions struct {
	Import  bool   // they come from a file: unknown fields are passed over, and their source is import
	Service string // replaces the service of every record
	DryRun  bool   // check everything and store nothing
}
