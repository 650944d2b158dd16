package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"
)

//go:embed page.html
var layout string

// view is what the layout shows.
type view struct {
	Title, Root string
	Current     string
	Language    string
	Sections    []section
	Body        template.HTML
}

// build all files of the site, by their paths.
func (s *site) build() (map[string][]byte, error) {
	parsed, err := template.New("page").Parse(layout)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	sections := s.sections()
	add := func(source, title, body string) error {
		v := view{
			Title: title, Root: relative(source, ""), Current: target(source), Language: "en", Sections: sections,
			Body: template.HTML(body), //nolint:gosec // goldmark has escaped it, and leaves raw HTML out
		}
		if strings.HasSuffix(source, ".zh.md") {
			v.Language = "zh"
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, v); err != nil {
			return err
		}
		files[target(source)] = out.Bytes()
		return nil
	}
	var records []*page
	for _, p := range s.pages {
		shown, err := s.relink(p)
		if err != nil {
			return nil, err
		}
		for _, file := range shown {
			if files[file], err = fs.ReadFile(s.root, file); err != nil {
				return nil, err
			}
		}
		body, err := s.html(p)
		if err != nil {
			return nil, err
		}
		if err := add(p.source, p.title, body); err != nil {
			return nil, err
		}
		if strings.HasPrefix(p.source, "docs/adr/") {
			records = append(records, p)
		}
	}
	return files, add("docs/adr/index.md", "Design records", list(records))
}

// list of the design records.
func list(records []*page) string {
	slices.SortFunc(records, func(a, b *page) int { return strings.Compare(a.source, b.source) })
	var out strings.Builder
	out.WriteString("<h1>Design records</h1>\n<ul>\n")
	for _, p := range records {
		name := strings.TrimPrefix(target(p.source), "docs/adr/")
		fmt.Fprintf(&out, "<li><a href=%q>%s</a></li>\n", name, template.HTMLEscapeString(p.title))
	}
	out.WriteString("</ul>\n")
	return out.String()
}
