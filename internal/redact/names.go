package redact

import (
	"strconv"
	"strings"
	"sync"
)

// Names masks the names of namespaces and objects in a text and restores them in the answer. It is safe for concurrent use.
type Names struct {
	mutex        sync.RWMutex
	masks, names map[string]string
}

// maxNames bounds memory.
const maxNames = 10_000

// NewNames returns a table of names. It ignores names after the first 10,000, and those shorter than 3 characters: a and db occur
// in any text.
func NewNames(names ...string) *Names {
	n := &Names{masks: map[string]string{}, names: map[string]string{}}
	n.Add(names...)
	return n
}

// Add adds names to the table. The masks of others do not change.
func (n *Names) Add(names ...string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, name := range names {
		if len(name) < 3 || n.masks[name] != "" || len(n.masks) == maxNames {
			continue
		}
		mask := "name-" + strconv.Itoa(len(n.masks)+1)
		n.masks[name] = mask
		n.names[mask] = name
	}
}

// Mask replaces whole names with name-1, name-2 and so on.
func (n *Names) Mask(text string) string {
	n.mutex.RLock()
	defer n.mutex.RUnlock()
	return replaceNames(text, n.masks)
}

// Restore replaces masks with the names.
func (n *Names) Restore(text string) string {
	n.mutex.RLock()
	defer n.mutex.RUnlock()
	return replaceNames(text, n.names)
}

// replaceNames replaces every run of characters that Kubernetes names consist of.
func replaceNames(text string, table map[string]string) string {
	if len(table) == 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if !isNameByte(text[i]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i
		for end < len(text) && isNameByte(text[end]) {
			end++
		}
		word := text[i:end]
		bare := strings.TrimRight(word, ".-") // end of a sentence
		if replacement, ok := table[bare]; ok {
			b.WriteString(replacement + word[len(bare):])
		} else {
			b.WriteString(replaceParts(word, table))
		}
		i = end
	}
	return b.String()
}

// replaceParts replaces labels of a DNS name such as cart.shop.svc, and prefixes of a generated name such as a Pod's.
func replaceParts(word string, table map[string]string) string {
	labels := strings.Split(word, ".")
	for i, label := range labels {
		if replacement, ok := table[label]; ok {
			labels[i] = replacement
			continue
		}
		for end := strings.LastIndexByte(label, '-'); end > 0; end = strings.LastIndexByte(label[:end], '-') {
			if replacement, ok := table[label[:end]]; ok {
				labels[i] = replacement + label[end:]
				break
			}
		}
	}
	return strings.Join(labels, ".")
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}
