// Command web compresses the build of the dashboard's pages, and writes the hash of their sources: `make web`.
package main

import (
	"bytes"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"

	"kubeops.io/kubeops/internal/dashboard/webhash"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: web SOURCES BUILD DIST")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

// run replaces the files of dist by those of the build.
func run(sources, build, dist string) error {
	hash, err := webhash.Of(os.DirFS(sources))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	err = filepath.WalkDir(build, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(build, path)
		if err != nil {
			return err
		}
		return compress(path, filepath.Join(dist, name+".br"))
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, webhash.File), []byte(hash+"\n"), 0o644)
}

func compress(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var compressed bytes.Buffer
	writer := brotli.NewWriterLevel(&compressed, brotli.BestCompression)
	if _, err := writer.Write(content); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, compressed.Bytes(), 0o644)
}
