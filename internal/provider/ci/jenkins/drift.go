package jenkins

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// maxLive is how much of the config.xml of a job is read, in bytes: Jenkins adds settings to what was sent.
const maxLive = 4 * v1alpha1.MaxJobDefinition

// maxElements of a config.xml that is compared.
const maxElements = 20_000

// Changed implements ci.Definer. Jenkins writes a job in its own way and adds settings of plugins, so that a job is unchanged if it has all
// that was sent, and no other triggers and steps. A job of others, or of an earlier definition, is left to Ensure.
func (p *Provider) Changed(ctx context.Context, request ci.Request, from ci.Definition) (bool, error) {
	path, err := check(request)
	if err != nil {
		return false, err
	}
	wanted, err := definitionOf(request, from)
	if err != nil {
		return false, err
	}
	found, err := p.lookUp(ctx, path, request.Job)
	if err != nil || found == nil {
		return false, err
	}
	_, digest := wanted.marked(ownerOf(from))
	if owner, current := managedBy(found.Description); owner != ownerOf(from) || current != digest {
		return false, nil
	}
	return p.differs(ctx, path, request.Job, wanted)
}

// differs compares the job with its definition.
func (p *Provider) differs(ctx context.Context, path, name string, wanted *definition) (bool, error) {
	live, err := p.config(ctx, path, name)
	if err != nil {
		return false, err
	}
	sent, err := parseElements(wanted.content)
	if err != nil {
		return false, p.client.Invalid(err)
	}
	return !live.has(sent.without("description")), nil
}

// config reads the config.xml of a job.
func (p *Provider) config(ctx context.Context, path, name string) (*element, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "job-config", Path: path + "/config.xml", MaxBytes: maxLive})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if got := replyOf(answer); got.status != http.StatusOK {
		return nil, p.refused(got, name, "Job/ExtendedRead")
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, p.client.DecodeProblem(err)
	}
	root, err := parseElements(content)
	if err != nil {
		return nil, p.client.Invalid(err)
	}
	return root, nil
}

// element of a config.xml. Attributes are those of Jenkins, such as the versions of plugins, except for the class.
type element struct {
	name, class, text string
	children          []*element
}

var errElements = errors.New("not a config.xml")

// parseElements of a config.xml, as far as they are compared.
func parseElements(content []byte) (*element, error) {
	decoder := xml.NewDecoder(bytes.NewReader(readable(content)))
	root := &element{}
	path := []*element{root}
	texts := [][]byte{nil} // of the elements of path: a text comes in pieces between children
	for count := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errElements
		}
		last := path[len(path)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(path) > maxDepth {
				return nil, errElements
			}
			child := &element{name: name(t.Name)}
			for _, attribute := range t.Attr {
				if attribute.Name.Local == "class" {
					child.class = attribute.Value
				}
			}
			last.children = append(last.children, child)
			path = append(path, child)
			texts = append(texts, nil)
		case xml.EndElement:
			last.text = strings.TrimSpace(strings.ReplaceAll(string(texts[len(path)-1]), "\r\n", "\n"))
			path = path[:len(path)-1]
			texts = texts[:len(path)]
		case xml.CharData:
			texts[len(path)-1] = append(texts[len(path)-1], t...)
		}
	}
	if len(root.children) != 1 {
		return nil, errElements
	}
	return root.children[0], nil
}

// without some children.
func (e *element) without(name string) *element {
	kept := *e
	kept.children = slices.DeleteFunc(slices.Clone(e.children), func(child *element) bool { return child.name == name })
	return &kept
}

// empty elements say nothing: Jenkins leaves them out, or fills in a default.
func (e *element) empty() bool { return e.text == "" && len(e.children) == 0 }

// listsSteps reports whether the children are what the job does, in which Jenkins adds nothing.
func (e *element) listsSteps() bool {
	return slices.Contains([]string{"triggers", "builders", "prebuilders", "postbuilders", "publishers", "buildWrappers"}, e.name)
}

// has reports whether an element of the server has all of one that was sent.
func (e *element) has(sent *element) bool {
	switch {
	case e.name != sent.name, len(sent.children) == 0 && e.text != sent.text:
		return false
	case e.class != sent.class && e.class != "" && sent.class != "":
		return false
	case sent.listsSteps() && len(e.children) != len(sent.children):
		return false
	}
	left := map[identity][]*element{}
	for _, child := range e.children {
		left[child.identity()] = append(left[child.identity()], child)
	}
	for _, child := range sent.children {
		candidates := left[child.identity()]
		switch {
		case len(candidates) == 0 && !child.empty():
			return false
		case len(candidates) == 0, child.empty() && !child.listsSteps():
			continue
		case !candidates[0].has(child):
			return false
		}
		left[child.identity()] = candidates[1:]
	}
	return true
}

// identity of an element among its siblings.
type identity struct{ name, label string }

func (e *element) identity() identity { return identity{e.name, e.label()} }

// label distinguishes elements of one name: that of a parameter, for example.
func (e *element) label() string {
	for _, child := range e.children {
		if child.name == "name" {
			return child.text
		}
	}
	return ""
}
