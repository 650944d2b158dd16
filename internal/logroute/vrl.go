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
	line := func(format string, args ...any) { fmt.Fprintf(&p, format+"\n", args...) }
	line("del(.file)\ndel(.source_type)\ndel(.timestamp_end)")
	if r.Collect.ParseJSON {
		r.parse(line)
	}
	if len(r.redact) > 0 {
		r.redaction(line)
	}
	for _, path := range r.drop {
		line("del(.%s)", dotted(path))
	}
	if r.Collect.ParseJSON {
		r.text(line)
	}
	p.WriteString(r.forVector().Program)
	return program(p.String())
}

// redaction replaces within every text of the event, but for the names that lines are found by. It comes after the parsing: what
// JSON's escapes hid is text by then, and a replacement cannot break the JSON.
func (r *route) redaction(line func(string, ...any)) {
	names := []string{"pod_namespace", "pod_name", "container_name", "pod_node_name"}
	for _, name := range names {
		line("%s = .kubernetes.%s", name, name)
	}
	line(". = map_values(., recursive: true) -> |value| {\n  if is_string(value) {")
	for _, expression := range r.redact {
		line("    value = replace!(value, r'%s', \"[redacted]\")", expression)
	}
	line("    value\n  } else {\n    value\n  }\n}")
	for _, name := range names {
		line("if !is_null(%s) { .kubernetes.%s = %s }", name, name, name)
	}
}

// parse makes .json of a line that is a JSON object, and .level of a level in it. What the line says stays below .json, so that no
// program can pass its lines off as those of another Pod.
func (r *route) parse(line func(string, ...any)) {
	line("parsed, failed = parse_json(.message)\nif failed == null && is_object(parsed) {\n  .json = parsed")
	line("  level = \"\"\n  if is_string(parsed.level) {\n    level = downcase(string!(parsed.level))")
	line("  } else if is_string(parsed.severity) {\n    level = downcase(string!(parsed.severity))\n  }")
	line("  if includes(%s, level) { .level = level }", quoted(levels()))
	line("}")
}

// text makes the message of what is left of the parsed line, so that a field that was dropped does not live on in it.
func (r *route) text(line func(string, ...any)) {
	line("if is_object(.json) {")
	if r.Target.Storage().WholeJSON {
		line("  .message = encode_json(.json)\n}")
		return
	}
	line("  said = .json.message\n  if !is_string(said) { said = .json.msg }")
	line("  if is_string(said) { .message = said } else { .message = encode_json(.json) }\n}")
}

func dotted(path []string) string {
	all := make([]string, 0, len(path))
	for _, name := range path {
		all = append(all, strconv.Quote(name))
	}
	return strings.Join(all, ".")
}
