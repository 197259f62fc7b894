package hosting

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"aictl/gitea/lfs"
)

// TestChunksDoNotFillTheDisk: who does not say how much comes may not send more than there is room for.
func TestChunksDoNotFillTheDisk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	content := strings.Repeat("x", 64<<20)
	oid := oidOf(content)
	batch(t, r.at("demo"), "upload", lfs.BatchObject{OID: oid, Size: int64(len(content))})
	var fs syscall.Statfs_t
	if err := syscall.Statfs(r.cfg.Root, &fs); err != nil {
		t.Fatal(err)
	}
	r.cfg.MinFree = int64(fs.Bavail)*fs.Bsize - 32<<20
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.at("demo")+"/info/lfs/objects/"+oid, io.MultiReader(strings.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		defer res.Body.Close()
	}
	if err == nil && res.StatusCode == http.StatusOK {
		t.Errorf("it was taken: %s", res.Status)
	}
	dir, err := r.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(objectPath(dir, oid)); err == nil {
		t.Error("the object is there")
	}
}
