package style

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

// MaxFiles is how many Go files a package folder has at most, without tests and generated files. A larger one is several packages.
const MaxFiles = 40

// LargeFolders returns the folders with more than MaxFiles Go files, in order.
func LargeFolders(sources []Source) []Violation {
	files := map[string]int{}
	for _, source := range sources {
		if source.IsGo() && !source.IsGenerated() && !source.IsTest() {
			files[path.Dir(source.Path)]++
		}
	}
	var found []Violation
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		if files[folder] > MaxFiles {
			found = append(found, Violation{
				File: folder, Line: 1, Hint: fmt.Sprintf("%d Go files, at most %d: make packages of its parts", files[folder], MaxFiles),
			})
		}
	}
	return found
}
