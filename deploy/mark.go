package deploy

import "aictl/deploy/envs"

// Mark is the variable, as NAME=VALUE, of processes that work for deploys whose releases lie in the folder, beside those that
// deploys run themselves. When deploys are taken up again after a daemon has died, what carries it is ended.
func Mark(releases string) string { return envs.Marked(releases + "#fetch") }
