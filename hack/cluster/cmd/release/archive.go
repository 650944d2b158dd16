package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name    string
	mode    int64
	content []byte
}

// writeTar writes files in this order, which belong to root and have the same time.
func writeTar(out io.Writer, entries []entry, at time.Time) error {
	archive := tar.NewWriter(out)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.name, Mode: e.mode, Size: int64(len(e.content)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(e.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// tarGzip writes a compressed archive. Its header has no time and no name.
func tarGzip(path string, entries []entry, at time.Time) error {
	var compressed bytes.Buffer
	out, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := writeTar(out, entries, at); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return writeFile(path, compressed.Bytes())
}

// tarFolder writes an archive of the files of a folder, by their names.
func tarFolder(path, folder string, at time.Time) error {
	var entries []entry
	err := filepath.WalkDir(folder, func(file string, found fs.DirEntry, err error) error {
		if err != nil || found.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		entries = append(entries, entry{name: filepath.ToSlash(relative), mode: 0o644, content: content})
		return nil
	})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := writeTar(&archive, entries, at); err != nil {
		return err
	}
	return writeFile(path, archive.Bytes())
}

// writeFile writes a file and its folder.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
