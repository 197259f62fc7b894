package forges

import (
	"context"
	"slices"

	"aictl/gitea"
	"aictl/store"
)

// pin keeps services where they are when a change of the stored connections makes another Gitea the default one: owner/repo would mean
// something else there, and be deployed by itself. A connection that gets another address takes its services along: that is a Gitea
// that has moved.
func (b *Book) pin(ctx context.Context, before, after []store.Forge) error {
	s := given(b.Settings())
	address, moves := leaves(merge(s, before), merge(s, after))
	if !moves {
		return nil
	}
	names, err := b.Store.PinSources(ctx, address)
	if len(names) > 0 {
		b.log.Info("services pinned to the Gitea they come from", "url", address, "services", names)
	}
	return err
}

// leaves tells whether the default Gitea is another one afterwards, and where it was.
func leaves(before, after []wanted) (address string, moves bool) {
	if len(before) == 0 {
		return "", false
	}
	address = gitea.Address(before[0].URL)
	return address, len(after) == 0 || after[0].Name != before[0].Name && gitea.Address(after[0].URL) != address
}

// saved is what SaveForge makes of the stored connections.
func saved(list []store.Forge, f store.Forge) []store.Forge {
	out := slices.DeleteFunc(slices.Clone(list), func(o store.Forge) bool { return o.Name == f.Name })
	if f.Default || len(out) == 0 {
		return append([]store.Forge{f}, out...)
	}
	return append(out, f)
}

// removed is what RemoveForge makes of them.
func removed(list []store.Forge, name string) []store.Forge {
	wasDefault := len(list) > 0 && list[0].Name == name
	out := slices.DeleteFunc(slices.Clone(list), func(o store.Forge) bool { return o.Name == name })
	if wasDefault {
		slices.SortStableFunc(out, func(a, b store.Forge) int { return a.CreatedAt.Compare(b.CreatedAt) })
	}
	return out
}
