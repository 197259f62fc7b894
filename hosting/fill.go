package hosting

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// fill writes r into f, durably, and closes it. Content with another SHA-256 than oid is errContent.
func fill(f *os.File, oid string, r io.Reader) error {
	sum := sha256.New()
	_, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(f, sum)}, struct{ io.Reader }{r}, make([]byte, 256<<10))
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != oid {
		err = errContent
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
