// Package lfs is a client of Git LFS: it reads pointers, fetches what they point to through the batch API, and keeps it in a
// store that all repositories share. It knows no other aictl package.
package lfs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxPointer is the size in bytes that a pointer is always smaller than.
const MaxPointer = 1024

// maxObject bounds what a pointer may claim to be, in bytes.
const maxObject = 1 << 42

// begin is what every pointer begins with, whatever its version.
const begin = "version https://git-lfs.github.com/spec/"

// Errors that callers branch on.
var (
	ErrMalformed   = errors.New("malformed Git LFS pointer")
	ErrMissing     = errors.New("not on the LFS server")
	ErrDenied      = errors.New("the LFS server refused the credentials")
	ErrUnreachable = errors.New("the LFS server does not answer as it should")
	ErrNoServer    = errors.New("the server has no LFS")
	ErrCorrupt     = errors.New("content differs from its SHA-256")
)

// Pointer stands for a file that LFS keeps.
type Pointer struct {
	OID  string // SHA-256 in lower-case hexadecimal
	Size int64  // bytes
}

// IsPointer reports whether a file that begins so is a pointer, good or not.
func IsPointer(text []byte) bool { return bytes.HasPrefix(text, []byte(begin)) }

// ParsePointer reads a whole pointer file. Pointers with extensions, which change the content, are ErrMalformed as well.
func ParsePointer(text []byte) (Pointer, error) {
	var p Pointer
	if len(text) >= MaxPointer || !IsPointer(text) {
		return p, fmt.Errorf("%w: it is none", ErrMalformed)
	}
	if !strings.HasSuffix(string(text), "\n") {
		text = append(bytes.Clone(text), '\n')
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 3 || strings.TrimSuffix(lines[0], "\r") != begin+"v1" {
		return p, fmt.Errorf("%w: it is not the version v1 without extensions", ErrMalformed)
	}
	oid, ok := strings.CutPrefix(strings.TrimSuffix(lines[1], "\r"), "oid sha256:")
	if !ok || !ValidOID(oid) {
		return p, fmt.Errorf("%w: its oid is no SHA-256", ErrMalformed)
	}
	digits, ok := strings.CutPrefix(strings.TrimSuffix(lines[2], "\r"), "size ")
	size, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil || size > maxObject {
		return p, fmt.Errorf("%w: its size is no number of bytes", ErrMalformed)
	}
	return Pointer{OID: oid, Size: int64(size)}, nil
}

// Text is the pointer as a file.
func (p Pointer) Text() string {
	return begin + "v1\noid sha256:" + p.OID + "\nsize " + strconv.FormatInt(p.Size, 10) + "\n"
}

// ValidOID reports whether an object may be named so: a SHA-256 in lower-case hexadecimal.
func ValidOID(oid string) bool {
	raw, err := hex.DecodeString(oid)
	return err == nil && len(raw) == 32 && strings.ToLower(oid) == oid
}
