package gitea

import (
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

func TestTipsOfALocalRepository(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	first := o.commit(map[string]string{"a.txt": "1"})
	o.ref("refs/heads/old", first)
	o.ref("refs/tags/v1", first)
	second := o.commit(map[string]string{"a.txt": "2"})
	tips, err := mirrorOf(t, o.dir, Auth{}).Tips(t.Context())
	if err != nil || tips.Default != "main" || tips.Refs["refs/heads/main"] != second || tips.Refs["refs/heads/old"] != first || tips.Refs["refs/tags/v1"] != first {
		t.Errorf("%+v, %v", tips, err)
	}
}

func TestTipsOfAListing(t *testing.T) {
	t.Parallel()
	ref := func(name, sha string) *plumbing.Reference { return plumbing.NewReferenceFromStrings(name, sha) }
	a, b, c := "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222", "3333333333333333333333333333333333333333"
	tips := tipsOf([]*plumbing.Reference{
		ref("HEAD", "ref: refs/heads/trunk"), ref("refs/heads/trunk", a), ref("refs/tags/v1^{}", a), ref("refs/tags/v1", b), ref("refs/tags/light", c),
		ref("refs/pull/1/head", c), ref("refs/tags/gone^{}", c),
	})
	if tips.Default != "trunk" || len(tips.Refs) != 3 || tips.Refs["refs/tags/v1"] != a || tips.Refs["refs/tags/light"] != c {
		t.Errorf("%+v", tips)
	}
	old := tipsOf([]*plumbing.Reference{ref("HEAD", b), ref("refs/heads/master", b), ref("refs/heads/x", a)})
	if old.Default != "master" {
		t.Errorf("%+v", old)
	}
}
