// Package webhash holds the sources of the dashboard's pages and their committed build together.
package webhash

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
)

// File in the build that has the hash of the sources.
const File = "sources.sha256"

// Of returns the hash of the names and contents of all files.
func Of(sources fs.FS) (string, error) {
	all := sha256.New()
	err := fs.WalkDir(sources, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		file, err := sources.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		one := sha256.New()
		if _, err := io.Copy(one, file); err != nil {
			return err
		}
		fmt.Fprintf(all, "%x %q\n", one.Sum(nil), name)
		return nil
	})
	return hex.EncodeToString(all.Sum(nil)), err
}
