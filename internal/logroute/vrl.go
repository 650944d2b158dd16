package logroute

import (
	"fmt"
	"strconv"
	"strings"
)

// Programs in Vector's language VRL. They hold checked names in quotes and translated expressions only, no $ followed by a letter
// (Vector would look for a variable), and no {{ (VRL would look for a template). Where a program says nothing about a type, it
// works forevery one: the events' types are unknown to the compiler.

// levels that a line may be labelled with: a label of Loki must have few values.
func levels() []string {
	return []string{
		"trace",
		"debug",
		"info",
		"notice",
		"warn",
		"warning",
		"error",
		"err",
		"critical",
		"alert",
		"fatal",
		"panic",
		"emergency",
	}
}

// selects is the condition that a line belongs to a route.
func (s selection) selects() string {
	condition := either(s.include)
	if len(s.exclude) > 0 {
		condition = "(" + condition + ") && !(" + either(s.exclude) + ")"
	}
	return condition
}

func either(list []selector) string {
	all := make([]string, 0, len(list))
	for _, one := range list {
		all = append(all, one.condition())
	}
	return strings.Join(all, " || ")
}

func (s selector) condition() string {
	var all []string
	if len(s.namespaces) > 0 {
		all = append(all, "includes("+quoted(s.namespaces)+", .kubernetes.pod_namespace)")
	}
	if len(s.containers) > 0 {
		all = append(all, "includes("+quoted(s.containers)+", .kubernetes.container_name)")
	}
	for _, l := range s.labels {
		all = append(all, fmt.Sprintf(".kubernetes.pod_labels.%q == %q", l.key, l.value))
	}
	if len(all) == 0 {
		return "true"
	}
	return "(" + strings.Join(all, " && ") + ")"
}

func quoted(names []string) string {
	all := make([]string, 0, len(names))
	for _, name := range names {
		all = append(all, strconv.Quote(name))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// shape is the program that makes of a line what the backend gets.
func (r *route) shape() program {
	var p strings.Builder
	p.WriteString(begin)
	if r.Collect.ParseJSON {
		fmt.Fprintf(&p, parse, maxLevels+1, quoted(levels()))
	}
	for _, path := range r.drop {
		fmt.Fprintf(&p, "del(.%s)\n", dotted(path))
	}
	if r.Collect.ParseJSON {
		fmt.Fprintf(&p, rewriteKeys, r.replace("left"), maxKey)
	}
	if len(r.redact) > 0 {
		fmt.Fprintf(&p, redactValues, r.replace("left"))
	}
	switch {
	case r.Collect.ParseJSON && r.Target.Storage().WholeJSON:
		fmt.Fprintf(&p, wholeMessage, maxLevels)
	case r.Collect.ParseJSON:
		fmt.Fprintf(&p, ownMessage, maxLevels)
	}
	fmt.Fprintf(&p, cutMessage, maxMessage)
	p.WriteString(r.forVector().Program)
	return program(p.String())
}

// replace secrets in a variable; nothing without expressions.
func (r *route) replace(variable string) string {
	if len(r.redact) == 0 {
		return ""
	}
	var all strings.Builder
	for _, expression := range r.redact {
		fmt.Fprintf(&all, "        shown = replace(shown, r'%s', \"[redacted]\")\n", expression)
	}
	return fmt.Sprintf(replaceTwice, variable, all.String())
}

func dotted(path []string) string {
	all := make([]string, 0, len(path))
	for _, name := range path {
		all = append(all, strconv.Quote(name))
	}
	return strings.Join(all, ".")
}
