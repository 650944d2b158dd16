package gitrepo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxVisited entries of directories of one folder. Directories can have the same content, so that their number is not bounded by the size
// of the repository.
const maxVisited = 20_000

// maxName of a file or directory, in bytes, as file systems have it. Git has no limit, and each path of a folder contains the names of its
// directories.
const maxName = 255

// Folder of files to read.
type Folder struct {
	// Path within the repository. Empty is its root.
	Path string
	// Suffixes of the names of files, for example .yaml. Other files are not read.
	Suffixes []string
	// MaxFiles and MaxBytes of all files together.
	MaxFiles int
	MaxBytes int64
}

// File of a folder.
type File struct {
	// Path within the repository.
	Path string
	// Content of the file. It is nil if the file is not read.
	Content []byte
	// Refused is why the file is not read, for people; empty if it is.
	Refused string
}

// Files of a folder and those below it, in the order of their paths. Symbolic links and submodules are not followed: those whose name has
// one of the suffixes, or none, are returned as refused. Errors are for people.
func (s *Snapshot) Files(folder Folder) ([]File, error) {
	root := s.commit.TreeHash
	prefix := ""
	if folder.Path != "" {
		path, err := elements(folder.Path)
		if err != nil {
			return nil, err
		}
		entry, err := s.entry(path)
		switch {
		case err != nil:
			return nil, err
		case entry.Mode != filemode.Dir:
			return nil, fmt.Errorf("%s is no directory", folder.Path)
		}
		root = entry.Hash
		prefix = folder.Path + "/"
	}
	w := &walk{Snapshot: s, Folder: folder}
	if err := w.directory(root, prefix, 0); err != nil {
		return nil, err
	}
	slices.SortFunc(w.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return w.files, nil
}

// walk through a folder.
type walk struct {
	*Snapshot
	Folder
	files   []File
	visited int
	bytes   int64
}

func (w *walk) directory(at plumbing.Hash, prefix string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s lies more than %d directories deep", strings.TrimSuffix(prefix, "/"), maxDepth)
	}
	tree, err := object.GetTree(w.objects, at)
	if err != nil {
		return fmt.Errorf("directory %s cannot be read", cmp.Or(strings.TrimSuffix(prefix, "/"), "of the repository"))
	}
	for _, entry := range tree.Entries {
		if w.visited++; w.visited > maxVisited {
			return fmt.Errorf("%s has more than %d entries", cmp.Or(w.Path, "the repository"), maxVisited)
		}
		if len(entry.Name) > maxName {
			return fmt.Errorf("%s has an entry with a name of more than %d bytes", cmp.Or(w.Path, "the repository"), maxName)
		}
		path := prefix + entry.Name
		switch {
		case entry.Mode == filemode.Dir:
			err = w.directory(entry.Hash, path+"/", depth+1)
		case !hasSuffix(entry.Name, w.Suffixes) && (isFile(entry.Mode) || strings.Contains(entry.Name, ".")):
		case !isFile(entry.Mode):
			err = w.add(File{Path: path, Refused: path + " is a symbolic link or submodule, which is not followed"})
		default:
			err = w.file(path, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) file(path string, entry object.TreeEntry) error {
	content, err := w.content(path, entry)
	if err != nil {
		return w.add(File{Path: path, Refused: err.Error()})
	}
	if w.bytes += int64(len(content)); w.bytes > w.MaxBytes {
		return fmt.Errorf("the files of %s have more than %d MiB", cmp.Or(w.Path, "the repository"), w.MaxBytes>>20)
	}
	return w.add(File{Path: path, Content: content})
}

func (w *walk) add(f File) error {
	if len(w.files) == w.MaxFiles {
		return fmt.Errorf("%s has more than %d files", cmp.Or(w.Path, "the repository"), w.MaxFiles)
	}
	w.files = append(w.files, f)
	return nil
}

func hasSuffix(name string, suffixes []string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

func isFile(mode filemode.FileMode) bool {
	return mode == filemode.Regular || mode == filemode.Executable || mode == filemode.Deprecated
}
