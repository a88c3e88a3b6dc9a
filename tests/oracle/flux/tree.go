package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
)

// fetched copies a repository as source-controller would hand it on: what git has or would take, without links, and
// without what the defaults, .sourceignore and the source's own spec.ignore leave out.
func fetched(repository, ignore, into string) error {
	names, err := filesOf(repository)
	if err != nil {
		return err
	}

	domain := strings.Split(repository, string(filepath.Separator))

	patterns, err := sourceignore.LoadIgnorePatterns(repository, domain)
	if err != nil {
		return err
	}

	patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(ignore), domain)...)
	left := sourceignore.NewDefaultMatcher(patterns, domain)

	for _, name := range names {
		at := filepath.Join(repository, name)

		info, err := os.Lstat(at)
		if err != nil || !info.Mode().IsRegular() || linked(repository, name) {
			// A file that git knows and that is gone, a link, a submodule.
			continue
		}

		if left.Match(strings.Split(at, string(filepath.Separator)), false) {
			continue
		}

		if err := copied(at, filepath.Join(into, name)); err != nil {
			return err
		}
	}

	return nil
}

// filesOf lists a repository as git sees it, or everything in a folder that is none.
func filesOf(repository string) ([]string, error) {
	var names []string

	out, err := exec.Command("git", "-C", repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err == nil {
		for _, name := range bytes.Split(out, []byte{0}) {
			if len(name) > 0 {
				names = append(names, string(name))
			}
		}

		sort.Strings(names)

		return names, nil
	}

	err = filepath.WalkDir(repository, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		if entry.Name() == ".git" {
			return filepath.SkipDir
		}

		if entry.Type().IsRegular() {
			name, err := filepath.Rel(repository, at)
			if err != nil {
				return err
			}

			names = append(names, name)
		}

		return nil
	})

	return names, err
}

// linked says whether a folder above the file is a link.
func linked(repository, name string) bool {
	for at := filepath.Dir(name); at != "."; at = filepath.Dir(at) {
		if info, err := os.Lstat(filepath.Join(repository, at)); err != nil || !info.IsDir() {
			return true
		}
	}

	return false
}

func copied(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}

	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck

	out, err := os.Create(to)
	if err != nil {
		return err
	}

	if _, err := io.Copy(out, in); err != nil {
		return err
	}

	return out.Close()
}
