//go:build keeper_protocol1

package procs

// maxProtocol stands for a program from before version 2 of the protocol. Tests build one with this tag.
const maxProtocol = 1
