package corpus

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
)

//go:embed families
var files embed.FS

// Splits of the families of texts. The rules of package redact were written and fixed for the first. The others were written after
// the rules, and measure what the rules do on texts that their author had not seen.
const (
	Tuned  = "tuned"
	Unseen = "unseen"
)

// Family is texts of one kind, such as arguments of commands.
type Family struct {
	Name              string
	Secrets, Harmless []Sample
}

// Sample is a text and its secrets, none for a harmless text. Template is the line of the file that it was generated from.
type Sample struct {
	Template, Text string
	Secrets        []string
}

// Families generates the texts of a split, a number from each template. The same seed generates the same texts.
//
// A file of templates has a text with secrets per line that starts with "+ ", and a harmless one per line that starts with "- "; lines
// that start with "| " continue a text. «pw» is a secret of the kind pw, and <hex32> a value that is none.
func Families(split string, each int, seed uint64) ([]Family, error) {
	dir := path.Join("families", split)
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []Family
	for k, entry := range entries {
		content, err := files.ReadFile(path.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		m := maker{rand.New(rand.NewPCG(seed, uint64(k)))} //nolint:gosec // the same texts each time are meant
		family := Family{Name: strings.TrimSuffix(entry.Name(), ".txt")}
		for _, template := range templates(string(content)) {
			for range each {
				sample, err := m.sample(template[2:])
				if err != nil {
					return nil, fmt.Errorf("%s: %q: %w", entry.Name(), template, err)
				}
				if template[0] == '+' {
					family.Secrets = append(family.Secrets, sample)
				} else {
					family.Harmless = append(family.Harmless, sample)
				}
			}
		}
		all = append(all, family)
	}
	return all, nil
}

// templates returns the texts of a file, each with its sign.
func templates(content string) []string {
	var list []string
	for line := range strings.SplitSeq(content, "\n") {
		switch {
		case strings.HasPrefix(line, "+ "), strings.HasPrefix(line, "- "):
			list = append(list, line)
		case strings.HasPrefix(line, "|") && len(list) > 0:
			list[len(list)-1] += "\n" + strings.TrimPrefix(line[1:], " ")
		}
	}
	return list
}

// sample replaces the marks of a template.
func (m maker) sample(template string) (Sample, error) {
	s := Sample{Template: template}
	var b strings.Builder
	for rest := template; rest != ""; {
		at := strings.IndexAny(rest, "«<")
		if at < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at])
		rest = rest[at:]
		if kind, after, ok := strings.Cut(strings.TrimPrefix(rest, "«"), "»"); ok && strings.HasPrefix(rest, "«") {
			text, secret, err := m.value(kind)
			if err != nil {
				return s, err
			}
			b.WriteString(text)
			s.Secrets = append(s.Secrets, secret)
			rest = after
			continue
		}
		if kind, after, ok := strings.Cut(rest[1:], ">"); ok && rest[0] == '<' {
			if text, _, err := m.value(kind); err == nil {
				b.WriteString(text)
				rest = after
				continue
			}
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	s.Text = b.String()
	return s, nil
}

// shown is the number of bytes of a secret that may not be in a text; of shorter ones, all.
const shown = 6

// Shows reports whether a text contains a secret or a part of it of at least 6 bytes.
func Shows(text, secret string) bool {
	n := min(len(secret), shown)
	for from := range len(secret) - n + 1 {
		if strings.Contains(text, secret[from:from+n]) {
			return true
		}
	}
	return false
}
