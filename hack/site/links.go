package main

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// relink changes the links of a page to those of the site, and returns the files that it shows or links to. A link to what does not exist
// is an error.
func (s *site) relink(p *page) (files []string, err error) {
	err = ast.Walk(p.document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		destination := destinationOf(node)
		if destination == nil {
			return ast.WalkContinue, nil
		}
		changed, file, err := s.resolve(p, string(*destination))
		if err != nil {
			return ast.WalkStop, fmt.Errorf("%s: link to %s: %w", p.source, *destination, err)
		}
		if file != "" {
			files = append(files, file)
		}
		*destination = []byte(changed)
		return ast.WalkContinue, nil
	})
	return files, err
}

func destinationOf(node ast.Node) *[]byte {
	switch n := node.(type) {
	case *ast.Link:
		return &n.Destination
	case *ast.Image:
		return &n.Destination
	default:
		return nil
	}
}

// resolve a link: to a page and a heading of it, to a folder of records, to a file that the site then contains, or to another site.
func (s *site) resolve(p *page, destination string) (changed, file string, err error) {
	parsed, err := url.Parse(destination)
	if err != nil {
		return "", "", err
	}
	if parsed.Scheme != "" {
		return destination, "", nil
	}
	source := p.source
	if parsed.Path != "" {
		source = path.Join(path.Dir(p.source), parsed.Path)
	}
	if linked := s.pages[source]; linked != nil {
		if parsed.Fragment != "" && !linked.headings[parsed.Fragment] {
			return "", "", fmt.Errorf("%s has no heading %q", source, parsed.Fragment)
		}
		parsed.Path = relative(p.source, target(source))
		return parsed.String(), "", nil
	}
	info, err := fs.Stat(s.root, source)
	switch {
	case err != nil:
		return "", "", err
	case source == "docs/adr":
		return relative(p.source, "docs/adr/index.html"), "", nil
	case info.IsDir():
		return "", "", fmt.Errorf("a folder has no page")
	default:
		return relative(p.source, source), source, nil
	}
}

// relative is the path from a page to a file of the site.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + to
}
