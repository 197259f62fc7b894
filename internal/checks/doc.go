// Package checks holds tests of the repository as a whole: its layers, its documents, its files. It has no code to use.
package checks
