package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fenced are the blocks of a page, and links the paths of the repository that it refers to.
func fencedAndLinks(t *testing.T, page string) (fenced, links []string) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(content), "```") {
		if i%2 == 1 {
			fenced = append(fenced, part)
			continue
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(part, -1) {
			links = append(links, m[1])
		}
	}
	return fenced, links
}

func TestTheChineseREADMEHasTheCommandsAndLinksOfTheEnglishOne(t *testing.T) {
	english, englishLinks := fencedAndLinks(t, "../../README.md")
	chinese, chineseLinks := fencedAndLinks(t, "../../README.zh.md")
	if len(english) == 0 || !slices.Equal(english, chinese) {
		for i, block := range english {
			if i >= len(chinese) || chinese[i] != block {
				t.Errorf("README.zh.md differs in block %d:\n%s", i+1, block)
			}
		}
		t.Errorf("%d and %d blocks", len(english), len(chinese))
	}
	for _, link := range englishLinks {
		if link != "README.zh.md" && !slices.Contains(chineseLinks, link) {
			t.Errorf("README.zh.md does not link to %s", link)
		}
	}
}

func TestLinksOfThePagesInTheRootLeadToFiles(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"} {
		_, links := fencedAndLinks(t, filepath.Join("..", "..", page))
		for _, link := range links {
			if _, err := os.Stat(filepath.Join("..", "..", link)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
