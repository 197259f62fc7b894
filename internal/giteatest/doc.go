// Package giteatest is a Gitea for tests: real HTTP, real Git by `git http-backend`, real webhooks. It behaves as a Gitea 1.22 was measured to
// behave, also where that hurts: hooks are tried once, hosts that ALLOWED_HOST_LIST does not name are dropped without a word, a form's signature
// is that of the JSON inside, commits of a push are capped at five. testdata/deliveries.txt holds the deliveries it was made from.
package giteatest
