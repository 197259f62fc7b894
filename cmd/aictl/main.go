// Command aictl deploys, supervises and records AI algorithm services on one server.
package main

import "os"

func main() {
	os.Exit(run())
}

// run is main without the exit, so that tests can use it as a program.
func run() int {
	return newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv).main(os.Args[1:])
}
