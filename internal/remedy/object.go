package remedy

import "strings"

// Object is what the placeholders of a general remedy stand for in a finding.
type Object struct {
	// Resources are the names of its kind as an argument of kubectl, the preferred one first.
	Resources []string
	// Namespace is empty for objects without one.
	Namespace, Name string
}

// ForObject fills in the placeholders <kind>, <name> and <namespace> of commands about an object: kubectl describe deployment <name>
// becomes kubectl -n shop describe deployment cart. Commands about other kinds keep theirs, and so do all if the name could be taken for
// a flag.
func ForObject(text Text, object Object) Text {
	if object.Name == "" || strings.HasPrefix(object.Name, "-") || len(object.Resources) == 0 || !strings.Contains(string(text), "<name>") {
		return text
	}
	name := Quote(object.Name)
	parts := strings.Split(string(text), "`")
	for i := 1; i+1 < len(parts); i += 2 {
		words := split(parts[i])
		filled := false
		for at, word := range words {
			if at == 0 {
				continue
			}
			resource, placeholder, joined := strings.Cut(word, "/")
			switch {
			case joined && placeholder == "<name>" && object.is(resource):
				words[at] = object.Resources[0] + "/" + name
			case word == "<name>" && words[at-1] == "<kind>":
				words[at-1] = object.Resources[0]
				words[at] = name
			case word == "<name>" && object.is(words[at-1]):
				words[at] = name
			default:
				continue
			}
			filled = true
		}
		for at, word := range words {
			if filled && at > 0 && word == "<namespace>" && words[at-1] == "-n" && object.Namespace != "" {
				words[at] = Quote(object.Namespace)
			}
		}
		if filled && words[0] == "kubectl" && object.Namespace != "" && !strings.Contains(parts[i], " -n ") {
			words[0] = "kubectl -n " + Quote(object.Namespace)
		}
		parts[i] = strings.Join(words, " ")
	}
	return Text(strings.Join(parts, "`"))
}

// is reports whether a resource in a command is the kind of the object.
func (o Object) is(resource string) bool {
	for _, name := range o.Resources {
		if resource == name {
			return true
		}
	}
	return resource == "<kind>"
}
