package managerconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes is the size limit of a ConfigMap, and so of a file.
const maxFileBytes = 1 << 20

// Load reads a file, or the files *.yaml of a folder in the order of their names, where a later file overrides an earlier one field
// by field and a list as a whole. An empty path reads nothing. Overrides apply last. An error of type Errors has all that is wrong.
func Load(path string, overrides ...Override) (*Effective, error) {
	names, err := configFiles(path)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		content, err := readFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: name, Content: content})
	}
	return Parse(files, overrides...)
}

// File is a file of the configuration that was read, such as one of a ConfigMap.
type File struct {
	// Name for messages.
	Name string
	// Content is YAML.
	Content []byte
}

// Parse is Load of files that were read, in this order.
func Parse(files []File, overrides ...Override) (*Effective, error) {
	effective := &Effective{Config: Default(), Origins: map[string]Origin{}}
	d := &decoder{origins: effective.Origins}
	var names []string
	for _, file := range files {
		d.file = file.Name
		names = append(names, file.Name)
		d.decode(file.Content, &effective.Config)
	}
	for _, override := range overrides {
		override.Set(&effective.Config)
		effective.Origins[override.Path] = Origin{Flag: override.Flag, Overridden: effective.Origins[override.Path].place()}
	}
	if all := append(d.errors, effective.validate(d.errors)...); len(all) > 0 {
		return nil, all.sorted(names)
	}
	return effective, nil
}

// configFiles of a path. A mounted ConfigMap has hidden folders and links between them, which are skipped.
func configFiles(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if name := entry.Name(); filepath.Ext(name) == ".yaml" && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read the configuration: folder %s contains no *.yaml file", path)
	}
	return files, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("read the configuration: %s is larger than %d bytes", path, maxFileBytes)
	}
	return content, nil
}

// document is the only YAML document of a file, or nil after an error.
func (d *decoder) document(content []byte) *yaml.Node {
	var root *yaml.Node
	for stream := yaml.NewDecoder(bytes.NewReader(content)); ; {
		document := &yaml.Node{}
		err := stream.Decode(document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.syntax(err)
			return nil
		}
		if len(document.Content) == 0 || isNull(document.Content[0]) {
			continue
		}
		if root != nil {
			d.add(document.Content[0], "", "a second document; keep one document per file")
			return root
		}
		root = document.Content[0]
	}
	if root == nil {
		d.add(nil, "", "the file is empty; it must start with apiVersion: %s and kind: %s", wantAPIVersion, wantKind)
	}
	return root
}

// syntax reports an error of the parser, which reads "yaml: line 3: did not find expected key".
func (d *decoder) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	at := &yaml.Node{}
	if match := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); match != nil {
		at.Line, _ = strconv.Atoi(match[1])
		message = strings.TrimPrefix(message, match[0])
	}
	// The scanner of the library counts lines from 1, its parser from 0.
	fromZero := []string{"did not find expected key", "did not find expected node content", "did not find expected '-' indicator",
		"did not find expected ',' or ']'", "did not find expected ',' or '}'", "did not find expected <document start>"}
	if at.Line > 0 && slices.Contains(fromZero, message) {
		at.Line++
	}
	d.add(at, "", "not valid YAML: %s", message)
}
