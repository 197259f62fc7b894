package main

import (
	"context"
	"errors"
	"net/http"

	"aictl/api"
)

// The exit codes, as documented in docs/cli.md.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotRunning   = 3 // `status NAME`, and it is not running
	exitDenied       = 4
	exitUnreachable  = 5
	exitNotFound     = 6
	exitConflict     = 7
	exitIncomparable = 8 // `records diff`, and there was nothing to compare
	exitTimeout      = 124
	exitInterrupted  = 130
)

// failure is an error with an exit code and advice. A failure without err has been shown already:
// only its code counts.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// exitWith ends the program with code; everything was said already.
func exitWith(code int) error { return &failure{code: code} }

// fail is err with an exit code and, unless "", advice on what to do next.
func fail(code int, err error, hint string) error {
	return &failure{code: code, err: err, hint: hint}
}

// codeOf is the one table from errors to exit codes.
func codeOf(err error) int {
	var f *failure
	var problem *api.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &problem):
		return codeOfStatus(problem.Status)
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

func codeOfStatus(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusGatewayTimeout:
		return exitTimeout
	}
	return exitFailed
}

// codeOfProblem is the exit code for the stable code of a problem that came without its status.
func codeOfProblem(code string) int {
	switch code {
	case api.CodeUnauthorized:
		return exitDenied
	case api.CodeNotFound:
		return exitNotFound
	case api.CodeConflict:
		return exitConflict
	case api.CodeTimeout:
		return exitTimeout
	}
	return exitFailed
}
