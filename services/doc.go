// Package services makes the wanted state of every service true: it composes what the keeper runs, turns health
// probes into verdicts and routes, and carries out start, stop, restart, scale and remove.
package services
