// Package examples holds the sample services, as the demo deploys them.
package examples

import "embed"

// Files are the sample services, one directory each.
//
//go:embed all:text-classify all:blob-detect all:trend all:digits
var Files embed.FS
