// Package e2e is the end-to-end run of the built program with packages from a real package index: `make e2e`. Its tests
// are behind the build tag e2e, since they need that network, and the program in $AICTL.
package e2e
