package redact

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Names masks the names of namespaces and objects in a text and restores them in the answer. It is safe for concurrent use.
//
// A mask is name-1, name-2 and so on. What a text has of this form is escaped as name-0-1, so that restoring a masked text gives the text.
type Names struct {
	mutex sync.RWMutex
	// masks by name, and names by mask.
	masks, names map[string]string
	// byStart are the names by their first run of letters and digits, the longest first.
	byStart map[string][]string
}

const (
	// maxNames bounds memory.
	maxNames = 10_000
	// maskPrefix is the start of every mask, and escaped that of what looks like one.
	maskPrefix = "name-"
	escaped    = maskPrefix + "0-"
)

// NewNames returns a table of names; see Add.
func NewNames(names ...string) *Names {
	n := &Names{masks: map[string]string{}, names: map[string]string{}, byStart: map[string][]string{}}
	n.Add(names...)
	return n
}

// Add adds names to the table. The masks of others do not change. It ignores names after the first 10,000, those shorter than 3 characters
// and common words: a, db, web and error occur in any text, and say nothing.
func (n *Names) Add(names ...string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, name := range names {
		if len(name) < 3 || n.masks[name] != "" || len(n.masks) == maxNames || isCommonWord(name) || !isAlphanumeric(name[0]) {
			continue
		}
		mask := maskPrefix + strconv.Itoa(len(n.masks)+1)
		n.masks[name] = mask
		n.names[mask] = name
		start := name[:runLength(name)]
		n.byStart[start] = append(n.byStart[start], name)
		slices.SortStableFunc(n.byStart[start], func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	}
}

// Mask replaces names by masks wherever they stand between characters that are neither letters nor digits: also in the name of a host, a
// generated name, or a label.
func (n *Names) Mask(text string) string {
	n.mutex.RLock()
	defer n.mutex.RUnlock()
	if len(n.masks) == 0 {
		return text
	}
	return replaceRuns(text, func(rest string) (replacement string, length int) {
		for _, name := range n.byStart[rest[:runLength(rest)]] {
			if strings.HasPrefix(rest, name) && endsAt(rest, len(name)) {
				return n.masks[name], len(name)
			}
		}
		if after, looksLike := strings.CutPrefix(rest, maskPrefix); looksLike && after != "" && isDigit(after[0]) {
			return escaped, len(maskPrefix)
		}
		return "", 0
	})
}

// Restore replaces masks with the names.
func (n *Names) Restore(text string) string {
	n.mutex.RLock()
	defer n.mutex.RUnlock()
	if len(n.masks) == 0 {
		return text
	}
	return replaceRuns(text, func(rest string) (replacement string, length int) {
		after, is := strings.CutPrefix(rest, maskPrefix)
		if !is {
			return "", 0
		}
		if strings.HasPrefix(rest, escaped) {
			return maskPrefix, len(escaped)
		}
		mask := rest[:len(maskPrefix)+runLength(after)]
		return n.names[mask], len(mask)
	})
}

// replaceRuns calls a function at the start of every run of letters and digits with the rest of the text. It returns what replaces the
// first bytes of the rest; an empty replacement keeps the run.
func replaceRuns(text string, replace func(rest string) (replacement string, length int)) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		run := runLength(rest)
		if run == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		if replacement, length := replace(rest); replacement != "" {
			b.WriteString(replacement)
			i += length
			continue
		}
		b.WriteString(rest[:run])
		i += run
	}
	return b.String()
}

// runLength is the length of the letters and digits that a text begins with.
func runLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 || !isAlphanumeric(byte(r)) })
	if end < 0 {
		return len(text)
	}
	return end
}

// endsAt reports whether no letter or digit follows the first bytes of a text.
func endsAt(text string, length int) bool {
	return length == len(text) || !isAlphanumeric(text[length])
}

func isAlphanumeric(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isCommonWord reports whether a name is a word of any log, manifest or message. Masking it would hide what the text says, and would not
// hide who wrote it.
func isCommonWord(name string) bool {
	const words = `
		access account admin agent alert api app application apps auth backend backup base batch broker build cache cert check client
		cluster config configmap connection container controller core cpu cron daemonset dashboard data database debug default
		deployment dev disk dns docker endpoint env error event events exporter failed file files frontend gateway grpc health host
		http https image ingress info init internal job jobs key kube kubernetes localhost log logging logs main manager memory
		message metrics migrate mongo monitoring mysql name namespace network nginx node operator pod policy pool port postgres
		postgresql prod production proxy public queue quota rabbitmq read ready redacted redis registry replica request reset role
		root runner scheduler secret server service services session sidecar site ssl staging state statefulset status storage store
		stream svc sync system task tasks team test tests timeout tls token tool tools unknown user users version volume wait warning
		web webhook worker write kube-system kube-public kube-node-lease kube-root-ca.crt`
	return slices.Contains(strings.Fields(words), name)
}

// isNameByte reports whether a byte can be part of a name in a setting or host.
func isNameByte(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '.' || c == '_' }
