package redact

import (
	"strconv"
	"strings"
)

// Names hides the names of namespaces and objects from whoever reads a text, and puts them back into the answer. It is safe for
// concurrent use.
type Names struct {
	masks, names map[string]string
}

// maxNames bounds the memory of a table.
const maxNames = 10_000

// NewNames makes a table of names. Those beyond 10,000, and those of fewer than 3 letters, are not masked: a and db are words of
// any text.
func NewNames(names ...string) *Names {
	n := &Names{masks: map[string]string{}, names: map[string]string{}}
	for _, name := range names {
		if len(name) < 3 || n.masks[name] != "" || len(n.masks) == maxNames {
			continue
		}
		mask := "name-" + strconv.Itoa(len(n.masks)+1)
		n.masks[name], n.names[mask] = mask, name
	}
	return n
}

// Mask replaces the names by name-1, name-2 and so on, where they stand as whole names.
func (n *Names) Mask(text string) string { return replaced(text, n.masks) }

// Restore puts the names back.
func (n *Names) Restore(text string) string { return replaced(text, n.names) }

// replaced goes from name to name, in the letters that names of Kubernetes have.
func replaced(text string, table map[string]string) string {
	if len(table) == 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if !inName(text[i]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i
		for end < len(text) && inName(text[end]) {
			end++
		}
		word := text[i:end]
		bare := strings.TrimRight(word, ".-") // of a sentence
		if other, ok := table[bare]; ok {
			b.WriteString(other + word[len(bare):])
		} else {
			b.WriteString(byPart(word, table))
		}
		i = end
	}
	return b.String()
}

// byPart replaces within a DNS name such as cart.shop.svc, and at the beginning of a name that was made from another, such as
// that of a Pod.
func byPart(word string, table map[string]string) string {
	labels := strings.Split(word, ".")
	for i, label := range labels {
		if other, ok := table[label]; ok {
			labels[i] = other
			continue
		}
		for end := strings.LastIndexByte(label, '-'); end > 0; end = strings.LastIndexByte(label[:end], '-') {
			if other, ok := table[label[:end]]; ok {
				labels[i] = other + label[end:]
				break
			}
		}
	}
	return strings.Join(labels, ".")
}

func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}
