package main

import (
	"regexp"
	"strings"
)

// corrector brings the text of templates into one form. The ground truth of LogHub is not consistent: a path is masked in one template
// and not in another. Khan et al. (see scores) correct it by rules, which are applied to the templates that were found as well.
type corrector struct {
	marks, space, path, digits, value, mask, joined *regexp.Regexp
}

// variable is the mark of a variable part in the ground truth.
const variable = "<*>"

func newCorrector() *corrector {
	return &corrector{
		marks:  regexp.MustCompile(`<(?:num|dur|time|uuid|ip|id|hex|str|path|bool|\.\.\.)>|\[redacted\]`),
		space:  regexp.MustCompile(`\s+`),
		path:   regexp.MustCompile(`(^|[\s,!;:=|"'\[\](){}])(?:/[^\s,!;:=|"'\[\](){}/]+)+/?([\s,!;:=|"'\[\](){}]|$)`),
		digits: regexp.MustCompile(`(^|[^\w<*>/])\d+([^\w<*>/]|$)`),
		value:  regexp.MustCompile(`(?i)(^|[^\w<*>/])(?:true|false|null|root)([^\w<*>/]|$)`),
		mask:   regexp.MustCompile(`[^\s/,!;:=|"'\[\](){}.\-+@#$%&]*<\*>[^\s/,!;:=|"'\[\](){}.\-+@#$%&]*`),
		joined: regexp.MustCompile(`<\*>(?:[.:/@#+-]?<\*>)+`),
	}
}

// correct applies the rules to a template.
func (c *corrector) correct(template string) string {
	template = c.marks.ReplaceAllString(template, variable)
	template = strings.TrimSpace(c.space.ReplaceAllString(template, " "))
	for _, rule := range []struct {
		find *regexp.Regexp
		with string
	}{
		{c.path, "${1}<*>${2}"},   // a path
		{c.value, "${1}<*>${2}"},  // a boolean, null, and the user root
		{c.digits, "${1}<*>${2}"}, // a number
		{c.mask, variable},        // a word with a variable part
		{c.joined, variable},      // variables with nothing, or one byte of a number, path or address, between them
	} {
		for { // matches share the byte between them
			next := rule.find.ReplaceAllString(template, rule.with)
			if next == template {
				break
			}
			template = next
		}
	}
	return strings.NewReplacer(`"<*>"`, variable, `'<*>'`, variable).Replace(template)
}
