package jenkins

import (
	"errors"
	"strconv"
	"strings"
)

// selection of a tree expression: fields by name, each with what is selected below it.
type selection struct {
	fields map[string]*selection
	// from and to of a list's range; to is 0 without one.
	from, to int
}

var errTree = errors.New("malformed tree expression")

// parseTree reads an expression such as a,b[c,d[e]]{0,10}.
func parseTree(expression string) (*selection, error) {
	root := &selection{fields: map[string]*selection{}}
	rest, err := root.parse(expression)
	if err == nil && rest != "" {
		err = errTree
	}
	return root, err
}

func (s *selection) parse(text string) (rest string, err error) {
	for {
		end := strings.IndexAny(text, ",[]{}")
		if end < 0 {
			end = len(text)
		}
		if end == 0 {
			return "", errTree
		}
		field := &selection{fields: map[string]*selection{}}
		s.fields[text[:end]] = field
		text = text[end:]
		if after, is := strings.CutPrefix(text, "["); is {
			if text, err = field.parse(after); err != nil {
				return "", err
			}
			after, is := strings.CutPrefix(text, "]")
			if !is {
				return "", errTree
			}
			text = after
		}
		if after, is := strings.CutPrefix(text, "{"); is {
			bounds, after, is := strings.Cut(after, "}")
			from, to, two := strings.Cut(bounds, ",")
			var fromErr, toErr error
			field.from, fromErr = strconv.Atoi(from)
			field.to, toErr = strconv.Atoi(to)
			if err := errors.Join(fromErr, toErr); err != nil || !is || !two {
				return "", errTree
			}
			text = after
		}
		after, is := strings.CutPrefix(text, ",")
		if !is {
			return text, nil
		}
		text = after
	}
}

// apply to a value: what was not selected is left out. Every object has its class, as in Jenkins.
func (s *selection) apply(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, content := range v {
			if field := s.fields[name]; field != nil {
				kept[name] = field.apply(content)
			} else if name == "_class" {
				kept[name] = content
			}
		}
		return kept
	case []any:
		if s.to > 0 {
			v = v[min(s.from, len(v)):min(s.to, len(v))]
		}
		list := make([]any, len(v))
		for n, element := range v {
			list[n] = s.apply(element)
		}
		return list
	}
	return value
}
