package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxDepth of the path of a file.
const maxDepth = 32

// Snapshot is a commit of a branch, and the changes that are made in it.
type Snapshot struct {
	*fetched
	commit *object.Commit
	// written files, in the order of their first change.
	written map[string][]byte
	order   []string
}

func (f *fetched) snapshot(commit *object.Commit) *Snapshot {
	return &Snapshot{fetched: f, commit: commit, written: map[string][]byte{}}
}

// Revision of the snapshot.
func (s *Snapshot) Revision() string { return s.commit.Hash.String() }

// Read a file, with what was written to it. Errors are for people.
func (s *Snapshot) Read(file string) ([]byte, error) {
	if content, ok := s.written[file]; ok {
		return content, nil
	}
	path, err := elements(file)
	if err != nil {
		return nil, err
	}
	entry, err := s.find(path)
	if err != nil {
		return nil, err
	}
	return s.content(file, entry)
}

// content of a file as it is in the commit.
func (s *Snapshot) content(file string, entry object.TreeEntry) ([]byte, error) {
	blob, err := object.GetBlob(s.objects, entry.Hash)
	switch {
	case err != nil: // the server left it out
		return nil, fmt.Errorf("file %s has more than %d bytes", file, MaxFile)
	case blob.Size > MaxFile:
		return nil, fmt.Errorf("file %s has %d bytes, at most %d are read", file, blob.Size, MaxFile)
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	content := make([]byte, blob.Size)
	_, err = io.ReadFull(reader, content)
	if err == nil && bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/")) {
		return nil, fmt.Errorf("file %s is stored in LFS; store it in Git", file)
	}
	return content, err
}

// Write a file that exists.
func (s *Snapshot) Write(file string, content []byte) {
	if _, again := s.written[file]; !again {
		s.order = append(s.order, file)
	}
	s.written[file] = content
}

// elements of the path of a file.
func elements(file string) ([]string, error) {
	path := strings.Split(file, "/")
	for _, element := range path {
		if element == "" || element == "." || element == ".." || strings.EqualFold(element, ".git") ||
			strings.ContainsAny(element, "\x00\\") {
			return nil, fmt.Errorf("%q is no path of a file within the repository", file)
		}
	}
	if len(path) > maxDepth {
		return nil, fmt.Errorf("file %s lies more than %d directories deep", file, maxDepth)
	}
	return path, nil
}

// find the entry of a file.
func (s *Snapshot) find(path []string) (object.TreeEntry, error) {
	entry, err := s.entry(path)
	if err == nil && entry.Mode == filemode.Dir {
		return entry, fmt.Errorf("%s is a directory", strings.Join(path, "/"))
	}
	return entry, err
}

// entry of a file or directory.
func (s *Snapshot) entry(path []string) (object.TreeEntry, error) {
	at := s.commit.TreeHash
	for i, element := range path {
		name := strings.Join(path[:i+1], "/")
		tree, err := object.GetTree(s.objects, at)
		if err != nil {
			return object.TreeEntry{}, fmt.Errorf("directory of %s cannot be read", name)
		}
		index := slices.IndexFunc(tree.Entries, func(e object.TreeEntry) bool { return e.Name == element })
		if index < 0 {
			return object.TreeEntry{}, fmt.Errorf("%s does not exist", name)
		}
		entry := tree.Entries[index]
		last := i == len(path)-1
		switch {
		case entry.Mode == filemode.Symlink:
			return entry, fmt.Errorf("%s is a symbolic link, which is not followed", name)
		case entry.Mode == filemode.Submodule:
			return entry, fmt.Errorf("%s is a submodule, which is not followed", name)
		case !last && entry.Mode != filemode.Dir:
			return entry, fmt.Errorf("%s is no directory", name)
		case last:
			return entry, nil
		}
		at = entry.Hash
	}
	return object.TreeEntry{}, errors.New("the path is empty")
}

// build stores the written files and their directories. It returns the root tree, and the new objects.
func (s *Snapshot) build() (root plumbing.Hash, added []plumbing.Hash, err error) {
	root = s.commit.TreeHash
	for _, file := range s.order {
		path, err := elements(file)
		if err != nil {
			return root, nil, err
		}
		blob := s.objects.NewEncodedObject()
		blob.SetType(plumbing.BlobObject)
		writer, err := blob.Writer()
		if err != nil {
			return root, nil, err
		}
		if _, err := writer.Write(s.written[file]); err != nil {
			return root, nil, err
		}
		hash, err := s.objects.SetEncodedObject(blob)
		if err != nil {
			return root, nil, err
		}
		added = append(added, hash)
		if root, err = s.replace(root, path, hash, &added); err != nil {
			return root, nil, err
		}
	}
	return root, added, nil
}

// replace a file below a tree.
func (s *Snapshot) replace(at plumbing.Hash, path []string, blob plumbing.Hash, added *[]plumbing.Hash) (plumbing.Hash, error) {
	tree, err := object.GetTree(s.objects, at)
	if err != nil {
		return at, err
	}
	index := slices.IndexFunc(tree.Entries, func(e object.TreeEntry) bool { return e.Name == path[0] })
	if index < 0 {
		return at, fmt.Errorf("%s does not exist", path[0])
	}
	hash := blob
	if len(path) > 1 {
		if hash, err = s.replace(tree.Entries[index].Hash, path[1:], blob, added); err != nil {
			return at, err
		}
	}
	changed := &object.Tree{Entries: slices.Clone(tree.Entries)}
	changed.Entries[index].Hash = hash
	encoded := s.objects.NewEncodedObject()
	if err := changed.Encode(encoded); err != nil {
		return at, err
	}
	stored, err := s.objects.SetEncodedObject(encoded)
	*added = append(*added, stored)
	return stored, err
}
