// Package api is aictl's HTTP API: the wire types, one route list, one table from errors to statuses, and the
// Go client the command line uses. A handler binds, makes one call and renders; what it calls is an interface
// declared here and implemented by the capabilities.
package api
