package gitea

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Commits, tags and folders above these sizes, in bytes, are taken for malicious ones: they are read into memory whole, and a
// thousand times as much packs into one push.
const (
	maxCommit = 4 << 20
	maxFolder = 64 << 20
)

// wary reads objects of a repository that others push to.
type wary struct{ *filesystem.Storage }

var _ storer.EncodedObjectStorer = wary{}

// EncodedObject refuses what is larger than anybody needs. Nothing large has been read by then.
func (w wary) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	obj, err := w.Storage.EncodedObject(t, h)
	if err != nil {
		return nil, err
	}
	return obj, bearable(obj)
}

func bearable(obj plumbing.EncodedObject) error {
	most := int64(maxCommit)
	switch obj.Type() {
	case plumbing.CommitObject, plumbing.TagObject:
	case plumbing.TreeObject:
		most = maxFolder
	default:
		return nil
	}
	if obj.Size() > most {
		return fmt.Errorf("%w: %s %s has %s, more than %s", ErrRefused, obj.Type(), obj.Hash().String()[:8], size(obj.Size()), size(most))
	}
	return nil
}
