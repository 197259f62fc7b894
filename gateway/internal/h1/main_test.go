package h1

import (
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http's transport tells there of what the tests send it
	goleak.VerifyTestMain(m)
}
