package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// page is a Markdown file of the repository.
type page struct {
	// source is its path in the repository, title its first heading.
	source, title string
	content       []byte
	document      ast.Node
	// headings are the ids of its headings.
	headings map[string]bool
}

// target is the path of a page in the site.
func target(source string) string {
	if source == "README.md" {
		return "index.html"
	}
	return strings.TrimSuffix(source, ".md") + ".html"
}

// site is the documentation.
type site struct {
	root     fs.FS
	markdown goldmark.Markdown
	pages    map[string]*page
}

// read the pages of a repository.
func read(repository string) (*site, error) {
	s := &site{
		root:     os.DirFS(repository),
		markdown: goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID())),
		pages:    map[string]*page{},
	}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "hack/cluster/README.md"} {
		sources, err := fs.Glob(s.root, pattern)
		if err != nil {
			return nil, err
		}
		for _, source := range sources {
			content, err := fs.ReadFile(s.root, source)
			if err != nil {
				return nil, err
			}
			s.pages[source] = s.parse(source, content)
		}
	}
	if s.pages["README.md"] == nil {
		return nil, fmt.Errorf("%s has no README.md", filepath.Clean(repository))
	}
	return s, nil
}

func (s *site) parse(source string, content []byte) *page {
	p := &page{source: source, title: source, content: content, headings: map[string]bool{}}
	headings := parser.NewContext(parser.WithIDs(&ids{p.headings}))
	p.document = s.markdown.Parser().Parse(text.NewReader(content), parser.WithContext(headings))
	for node := p.document.FirstChild(); node != nil; node = node.NextSibling() {
		if heading, ok := node.(*ast.Heading); ok && heading.Level == 1 {
			p.title = plain(heading, content)
			break
		}
	}
	return p
}

// plain is the text of a node without its markup.
func plain(node ast.Node, content []byte) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		if t, ok := n.(*ast.Text); ok && entering {
			out.Write(t.Segment.Value(content))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// ids are the ids of the headings of a page as GitHub gives them, since links in the pages name those.
type ids struct{ used map[string]bool }

// Generate returns an id: lower case, without punctuation, with hyphens for spaces, and with a number if it is taken.
func (i *ids) Generate(value []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, strings.TrimSpace(string(value)))
	unique := id
	for n := 1; i.used[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	i.used[unique] = true
	return []byte(unique)
}

// Put registers an id that a heading has already.
func (i *ids) Put(value []byte) { i.used[string(value)] = true }

// section is a part of the navigation.
type section struct {
	Title string
	Pages []link
}

type link struct{ Title, Path string }

// sections of the navigation. Pages of docs/ that none of them names are in the last one.
func (s *site) sections() (list []section) {
	named := map[string]bool{}
	for _, part := range []struct{ title, pages string }{
		{"Start", "README README.zh docs/concepts docs/tutorial docs/installation docs/inspections docs/dashboard"},
		{"Inspect", "docs/custom-checks docs/manifests docs/metrics-inspection docs/trends docs/log-analysis " +
			"docs/ai docs/gaps"},
		{"Connect", "docs/backends docs/log-routing docs/clusters docs/build-servers docs/argo-cd docs/notifications"},
		{"Deliver", "docs/bundles docs/pipelines"},
		{"Operate", "docs/permissions docs/limits docs/redaction docs/observability docs/operations docs/backup " +
			"docs/availability docs/edge docs/workers docs/releasing"},
		{"Reference", "docs/fields docs/reasons docs/cli docs/configuration docs/checks"},
		{"Project", "docs/comparison SECURITY CHANGELOG CONTRIBUTING hack/cluster/README"},
	} {
		next := section{Title: part.title}
		for source := range strings.FieldsSeq(part.pages) {
			source += ".md"
			if p := s.pages[source]; p != nil {
				next.Pages = append(next.Pages, link{p.title, target(source)})
				named[source] = true
			}
		}
		list = append(list, next)
	}
	var sources []string
	for source := range s.pages {
		if path.Dir(source) == "docs" && !named[source] {
			sources = append(sources, source)
		}
	}
	slices.Sort(sources)
	more := section{Title: "More"}
	for _, source := range sources {
		more.Pages = append(more.Pages, link{s.pages[source].title, target(source)})
	}
	more.Pages = append(more.Pages, link{"Design records", "docs/adr/index.html"})
	return append(list, more)
}

// html of a page.
func (s *site) html(p *page) (string, error) {
	var out bytes.Buffer
	err := s.markdown.Renderer().Render(&out, p.content, p.document)
	return out.String(), err
}
