package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// build a site of files.
func build(t *testing.T, files map[string]string) (map[string][]byte, error) {
	t.Helper()
	root := fstest.MapFS{}
	for name, content := range files {
		root[name] = &fstest.MapFile{Data: []byte(content)}
	}
	s := &site{
		root:     root,
		markdown: goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID())),
		pages:    map[string]*page{},
	}
	for name, content := range files {
		if strings.HasSuffix(name, ".md") {
			s.pages[name] = s.parse(name, []byte(content))
		}
	}
	return s.build()
}

func TestTheDocumentationIsASiteWithoutABrokenLink(t *testing.T) {
	t.Parallel()
	s, err := read("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"index.html", "README.zh.html", "docs/installation.html", "docs/adr/index.html", "docs/images/report.png", "LICENSE",
	} {
		if len(files[name]) == 0 {
			t.Errorf("there is no %s", name)
		}
	}
	if !bytes.Contains(files["index.html"], []byte(`href="docs/installation.html"`)) {
		t.Error("the first page does not link to the installation")
	}
}

// TestTheReadmesLinkToTheSamePages: what one of them has and the other one lacks was forgotten in the translation.
func TestTheReadmesLinkToTheSamePages(t *testing.T) {
	t.Parallel()
	s, err := read("../..")
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]map[string]int{}
	for _, name := range []string{"README.md", "README.zh.md"} {
		links[name] = map[string]int{}
		err := ast.Walk(s.pages[name].document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
			if destination := destinationOf(node); entering && destination != nil && !strings.HasPrefix(string(*destination), "README") {
				links[name][string(*destination)]++
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	english, chinese := links["README.md"], links["README.zh.md"]
	for link := range english {
		if english[link] != chinese[link] {
			t.Errorf("%s is linked %d times, and %d times in README.zh.md", link, english[link], chinese[link])
		}
	}
	for link := range chinese {
		if english[link] == 0 {
			t.Errorf("only README.zh.md links to %s", link)
		}
	}
}

func TestLinksBetweenPagesAreThoseOfTheSite(t *testing.T) {
	t.Parallel()
	files, err := build(t, map[string]string{
		"README.md":      "# A\n[b](docs/b.md#two-words) ![p](docs/p.png) [l](LICENSE) [x](https://example.com/x.md) [r](docs/adr)\n",
		"docs/b.md":      "# B\n## Two words\n[home](../README.md) [here](#two-words) [record](adr/1.md)\n",
		"docs/adr/1.md":  "# 1 & 2\n[b](../b.md)\n",
		"docs/p.png":     "png",
		"LICENSE":        "free",
		"docs/unused.md": "# Unused\n<script>alert(1)</script>\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, texts := range map[string][]string{
		"index.html": {
			`href="docs/b.html#two-words"`, `src="docs/p.png"`, `href="LICENSE"`, `href="https://example.com/x.md"`, `href="docs/adr/index.html"`,
		},
		"docs/b.html":         {`href="../index.html"`, `href="../docs/b.html#two-words"`, `href="../docs/adr/1.html"`, `id="two-words"`},
		"docs/adr/1.html":     {`href="../../docs/b.html"`},
		"docs/adr/index.html": {`<a href="1.html">1 &amp; 2</a>`},
		"docs/p.png":          {"png"},
		"docs/unused.html":    {"<h1"},
	} {
		for _, want := range texts {
			if !bytes.Contains(files[name], []byte(want)) {
				t.Errorf("%s has no %s", name, want)
			}
		}
	}
	if bytes.Contains(files["docs/unused.html"], []byte("alert")) {
		t.Error("raw HTML of a page is in the site")
	}
}

func TestBrokenLinksFailWithTheirPage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, want string }{
		"a page":    {"[x](docs/none.md)", "README.md: link to docs/none.md"},
		"a heading": {"[x](#none)", `README.md has no heading "none"`},
		"a file":    {"![x](none.png)", "none.png"},
		"a folder":  {"[x](docs)", "a folder has no page"},
	} {
		_, err := build(t, map[string]string{"README.md": "# A\n" + tc.content + "\n", "docs/b.md": "# B\n"})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func TestHeadingsHaveTheIDsOfGitHub(t *testing.T) {
	t.Parallel()
	s := &ids{used: map[string]bool{}}
	for _, tc := range [][2]string{
		{"Kubernetes 1.35 and earlier", "kubernetes-135-and-earlier"}, {"What is `x-y`?", "what-is-x-y"}, {"Install", "install"},
		{"Install", "install-1"}, {"安装", "安装"}, {"a_b: c", "a_b-c"},
	} {
		if got := string(s.Generate([]byte(tc[0]), 0)); got != tc[1] {
			t.Errorf("%s: got %s, want %s", tc[0], got, tc[1])
		}
	}
}
