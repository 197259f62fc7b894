//go:build !keeper_protocol2

package procs

// maxProtocol is the newest version of the protocol this package speaks.
const maxProtocol = 3
