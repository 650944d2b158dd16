// Package style checks what golangci-lint has no linter for: assignments that join unrelated values, phrases that the
// project does not use, and folders of too many files. `make verify` runs its tests over the whole tree. They only parse, without type
// information, so that they take a second or two.
//
// unconverted.txt lists the folders that do not follow a rule yet. An entry that is no longer needed fails the test as well, and
// `UPDATE=1 go test ./hack/style` removes it; the list never grows that way.
package style

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Violation is one place that breaks a rule.
type Violation struct {
	// File is relative to the root of the tree, with forward slashes.
	File string
	// Line counts from 1.
	Line int
	// Hint says what is wrong and what to write instead.
	Hint string
}

// String is file:line followed by the hint, as compilers print it.
func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Hint)
}

// Folder is the folder of the file, which is what unconverted.txt lists.
func (v Violation) Folder() string {
	return filepath.ToSlash(filepath.Dir(v.File))
}

// Source is one file of the tree.
type Source struct {
	// Path is relative to the root of the tree, with forward slashes.
	Path string
	// Text is the whole file.
	Text []byte
}

// IsGo reports whether the file is Go source.
func (s Source) IsGo() bool { return strings.HasSuffix(s.Path, ".go") }

// IsTest reports whether the file is a Go test. Tests quote text from elsewhere, so the phrases are not searched for in them.
func (s Source) IsTest() bool { return strings.HasSuffix(s.Path, "_test.go") }

// IsGenerated reports whether the file starts with Go's marker of generated code.
func (s Source) IsGenerated() bool {
	head := s.Text[:min(len(s.Text), 256)]
	return strings.Contains(string(head), "// Code generated ")
}

// Read returns every file below root that people write, in the order of their paths. Built programs, test data and module checksums
// are left out.
func Read(root string) ([]Source, error) {
	var sources []Source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skipped(relative) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !written(entry.Name()) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sources = append(sources, Source{Path: filepath.ToSlash(relative), Text: text})
		return nil
	})
	return sources, err
}

func skipped(folder string) bool {
	name := filepath.Base(folder)
	return folder == "bin" || name == "testdata" || name == "node_modules" || (strings.HasPrefix(name, ".") && name != ".")
}

func written(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".md", ".yaml", ".yml", ".sh", ".rb":
		return true
	}
	return name == "Makefile" || name == "Dockerfile"
}
