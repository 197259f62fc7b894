package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// longestSecret bounds what is read of a file or of standard input that should hold one secret.
const longestSecret = 16 << 10

// secret is one that the user gives: on the command line, in a file ("-" is standard input), through a pipe, or on a terminal, where it
// is not shown. It may be empty.
func (a *app) secret(ctx context.Context, prompt, given, file string) (string, error) {
	switch {
	case given != "":
		return given, nil
	case file != "" && file != "-":
		f, err := os.Open(file)
		if err != nil {
			return "", fail(exitUsage, a.errorf("read the token: %w", err), "")
		}
		defer f.Close()
		return a.readSecret(f)
	case file == "" && isTerminal(a.in):
		return a.askSecret(ctx, prompt)
	case a.in == nil:
		return "", nil
	}
	return a.readSecret(a.in)
}

func (a *app) readSecret(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, longestSecret+1))
	if err != nil {
		return "", a.errorf("read the token: %w", err)
	}
	if len(data) > longestSecret {
		return "", fail(exitUsage, a.errorf("what should be a token is longer than %d bytes", longestSecret), "")
	}
	return strings.TrimSpace(string(data)), nil
}

// askSecret asks on the terminal without showing what is typed. When ctx ends first, the terminal is put back as it was.
func (a *app) askSecret(ctx context.Context, prompt string) (string, error) {
	fd := int(a.in.(*os.File).Fd()) // isTerminal has seen that it is one
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(a.err, prompt)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // ends with the line, or with the program: reading a terminal cannot be given up
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	select {
	case got := <-typed:
		fmt.Fprintln(a.err)
		return strings.TrimSpace(string(got.text)), got.err
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		if err := term.Restore(fd, before); err != nil {
			return "", err
		}
		return "", ctx.Err()
	}
}
