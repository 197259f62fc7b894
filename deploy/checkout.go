package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"aictl/configs"
	"aictl/deploy/envs"
)

// maxManifest bounds the manifest's size in bytes.
const maxManifest = 1 << 20

// checkout is what a commit's files say: the manifest, the file it is in ("" for none), the command and where that is from.
type checkout struct {
	manifest configs.Manifest
	file     string
	argv     []string
	from     string
}

// readCheckout reads the manifest of the checkout at tree; sub, when set, is stronger than its subdir.
func readCheckout(tree, sub string) (out checkout, err error) {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	m, file, err := findManifest(root, clean(sub))
	if err != nil {
		return out, err
	}
	if sub != "" {
		m.Subdir = sub
	}
	m.Subdir = clean(m.Subdir)
	if err := confined(root, m.Subdir); err != nil {
		return out, fmt.Errorf("subdir %s: %w", m.Subdir, err)
	}
	work := filepath.Join(tree, m.Subdir)
	m.Runtime = envs.Runtime(*m, work)
	out.manifest, out.file = *m, file
	out.argv, out.from, err = envs.Pick(*m, work)
	return out, err
}

// findManifest reads the manifest in the folder asked for, else at the root; a repository without one has defaults.
func findManifest(root *os.Root, sub string) (*configs.Manifest, string, error) {
	for _, file := range []string{path.Join(sub, configs.ManifestFile), configs.ManifestFile} {
		info, err := root.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && (!info.Mode().IsRegular() || info.Size() > maxManifest) {
			err = fmt.Errorf("it is no file of at most %d KiB", maxManifest>>10)
		}
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", file, err)
		}
		data, err := root.ReadFile(file)
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", file, err)
		}
		m, err := configs.ParseManifest(data, file)
		return m, file, err
	}
	return configs.DefaultManifest(), "", nil
}

// clean is a subdir in its shortest form.
func clean(sub string) string { return path.Clean(filepath.ToSlash(sub)) }

// localDir checks the text of a subdir.
func localDir(sub string) error {
	if sub != "" && !filepath.IsLocal(sub) {
		return fmt.Errorf("%q leaves the repository", sub)
	}
	return nil
}

// confined checks that a subdir is a folder of the checkout, also when links are followed.
func confined(root *os.Root, sub string) error {
	if err := localDir(sub); err != nil {
		return err
	}
	info, err := root.Stat(sub)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such folder in the repository")
	case err != nil:
		return fmt.Errorf("it leaves the repository: %w", err)
	case !info.IsDir():
		return errors.New("it is not a folder")
	}
	return nil
}
