//go:build !keeper_protocol2

package procs

// maxProtocol is the newest version of the protocol this package speaks.
const maxProtocol = 3

// pinned says that a daemon which is the keeper's own program is run from the keeper's own file.
const pinned = true
