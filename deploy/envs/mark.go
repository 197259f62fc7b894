package envs

// Marked is the variable, as NAME=VALUE, that makes KillMarked end a process which is not run by Run.
func Marked(mark string) string { return markName + "=" + mark }
