package logroute

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
)

// The plug-ins of Fluentd, and what they share.
//
//go:embed ruby/*.rb
var rubyPrograms embed.FS

// rubyFiles are the programs by file name.
func rubyFiles() (map[string]string, error) {
	files := map[string]string{}
	names, err := fs.Glob(rubyPrograms, "ruby/*.rb")
	if err != nil {
		return nil, fmt.Errorf("plug-ins of Fluentd: %w", err)
	}
	for _, name := range names {
		content, err := rubyPrograms.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("plug-ins of Fluentd: %w", err)
		}
		files[path.Base(name)] = string(content)
	}
	return files, nil
}
