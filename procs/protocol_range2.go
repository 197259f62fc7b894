//go:build keeper_protocol2

package procs

// maxProtocol stands for a program from before version 3 of the protocol. Tests build one with this tag.
const maxProtocol = 2

// pinned came with version 3.
const pinned = false
