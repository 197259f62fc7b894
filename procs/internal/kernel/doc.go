// Package kernel is the part of Linux the keeper stands on: pidfds, waitid, /proc and FIFOs, each as one small
// function that hides flags and struct layouts and nothing else.
package kernel
