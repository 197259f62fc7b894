package hosting

import "testing"

// TestPagesOfABrowser: once a token was typed in, a browser sends it along with whatever any page asks for.
func TestPagesOfABrowser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := `{"operation":"upload","objects":[]}`
	for _, header := range [][]string{{"Origin", "https://evil.example.com"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, res := range []int{
			ask(t, "GET", r.at("made")+"/info/refs?service=git-receive-pack", "", header...).StatusCode,
			ask(t, "POST", r.at("made")+"/info/lfs/objects/batch", body, header...).StatusCode,
		} {
			if res != 403 {
				t.Errorf("%v: %d", header, res)
			}
		}
	}
	if list, err := r.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a page made %+v, %v", list, err)
	}
	if res := ask(t, "GET", r.at("made")+"/info/refs?service=git-receive-pack", ""); res.StatusCode != 200 {
		t.Errorf("git itself: %d", res.StatusCode)
	}
}
