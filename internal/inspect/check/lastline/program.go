package lastline

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// variableMissing names an environment variable that the program requires and the spec does not set.
func variableMissing(l line) (Saying, bool) {
	var name string
	if i := strings.Index(l.lower, "keyerror: "); i >= 0 {
		name = l.after("keyerror: ")
	} else if l.has("environment variable", "env var", "env variable", "environment") && l.has("not "+
		"set", "missing", "required", "undefined",
		"is empty", "must be set", "not defined", "not found", "unset") {
		name = variableIn(l.text)
	} else if l.has("must be set", "is not set", "unbound variable", "parameter not set", "parameter null or not set") {
		name = variableIn(l.text)
	}
	spec := l.spec()
	if !isVariable(name) || spec == nil {
		return Saying{}, false
	}
	if l.fromConfigMap(name) {
		return Saying{}, false
	}
	var names []string
	for _, env := range spec.Env {
		if env.Name == name {
			return Saying{}, false // it is set, perhaps to nothing
		}
		names = append(names, env.Name)
	}
	s := Saying{
		Why:      fmt.Sprintf("environment variable %s is not set", name),
		Fix:      remedy.Sprintf("Set %s in env of container %s in the Pod template of %s.", name, l.container.Name, l.owner()),
		Evidence: []check.Evidence{check.FromSpec("env of container %s: %s", l.container.Name, "none")},
	}
	if len(names) > 0 {
		s.Evidence = []check.Evidence{check.FromSpec("env of container %s: %s", l.container.Name, text.List(names, 8))}
	}
	if similar := text.Similar(names, name); similar != "" {
		s.Evidence = append(s.Evidence, check.FromSpec("%s is set and has a similar name", similar))
	}
	return s, true
}

// fromConfigMap reports whether a ConfigMap of which the container takes all keys has a variable, or is unknown.
func (l line) fromConfigMap(name string) bool {
	return slices.ContainsFunc(l.pod.Spec.Refs, func(r facts.SpecRef) bool {
		if r.Kind != facts.ConfigMap || r.Field != "envFrom of container "+l.container.Name {
			return false
		}
		config, known := facts.Lookup[*facts.ConfigNode](l.g, facts.Ref{Kind: r.Kind, Namespace: l.pod.Namespace, Name: r.Name})
		return !known || slices.Contains(config.Keys, name)
	})
}

// variableIn is the first word of a line that looks like an environment variable.
func variableIn(line string) string {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'`:=,;()[]{}<>$.!", r) }) {
		if isVariable(word) {
			return word
		}
	}
	return ""
}

// isVariable reports whether a word is written like the name of an environment variable: capitals with an underscore.
func isVariable(word string) bool {
	return len(word) >= 3 && len(word) <= 100 && strings.Contains(word, "_") && strings.Trim(word, "_") != "" &&
		!strings.ContainsFunc(word, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

func heapExhausted(l line) (Saying, bool) {
	if !l.has("outofmemoryerror", "java heap space", "javascript heap out of memory", "memoryerror", "fatal: out of memory") {
		return Saying{}, false
	}
	s := Saying{
		Why: "its heap is exhausted",
		Fix: "Raise the maximum heap of the program (-XX:MaxRAMPercentage for Java, --max-old-space-size for Node.js) together with " +
			"resources.limits.memory, or reduce usage.",
	}
	if l.container.MemoryLimit > 0 {
		s.Evidence = l.memoryLimit()
	}
	return s, true
}

func (l line) memoryLimit() []check.Evidence {
	return []check.Evidence{check.FromSpec("container %s: memory limit %s", l.container.Name, phrase.Bytes(l.container.MemoryLimit))}
}

// processKilled explains a process within the container that was killed: the kernel kills the largest one of a container that reaches its
// memory limit, and the container runs on if that is not its first, so that its state says nothing.
func processKilled(l line) (Saying, bool) {
	if !l.has("sent sigkill", "with signal 9", "signal: killed", "by signal 9", "signal sigkill", "perhaps out of memory",
		"killed by the oom", "out of memory: kill", "exit code 137", "exited with code 137", "exit status 137") ||
		l.container.MemoryLimit == 0 {
		return Saying{}, false
	}
	return Saying{
		Why: fmt.Sprintf("a process of it is killed, most likely at the memory limit of %s", phrase.Bytes(l.container.MemoryLimit)),
		Fix: remedy.Sprintf("Raise resources.limits.memory of container %s in the Pod template of %s, or let it run fewer processes: the "+
			"kernel's log of the node shows OOM kills.", l.container.Name, l.owner()),
		Evidence: l.memoryLimit(),
	}, true
}

func libraryMissing(l line) (Saying, bool) {
	library := l.after("error while loading shared libraries: ", "error loading shared library ")
	if library == "" {
		return Saying{}, false
	}
	return Saying{
		Why:      fmt.Sprintf("library %s is not in its image", library),
		Fix:      "Install the library in the image, or build the program for the base image that it runs on (glibc or musl).",
		Evidence: []check.Evidence{check.FromSpec("image: %s", l.container.Image)},
	}, true
}

func moduleMissing(l line) (Saying, bool) {
	module := l.after("cannot find module ", "no module named ", "could not find or load main class ", "classnotfoundexception: ",
		"noclassdeffounderror: ", "cannot load such file -- ")
	if module == "" {
		return Saying{}, false
	}
	return Saying{
		Why: fmt.Sprintf("module %s is not in its image", module),
		Fix: "Add the dependency to the image, or correct the command, its working directory, and volumes that are mounted over the " +
			"program's folder.",
		Evidence: []check.Evidence{check.FromSpec("image: %s", l.container.Image)},
	}, true
}

func tableMissing(l line) (Saying, bool) {
	if !l.has("relation ", "table ", "database ", "unknown database", "collection ") ||
		!l.has("does not exist", "doesn't exist", "no such table", "unknown database") {
		return Saying{}, false
	}
	what := "a table"
	if l.has("database ") && !l.has("relation ", "table ") {
		what = "the database"
	}
	return Saying{
		Why: what + " that it needs does not exist",
		Fix: "Run the migrations of the program before it starts, for example as an init container or a Job, and check that it " +
			"connects to " +
			"the right database.",
	}, true
}

func flagUnknown(l line) (Saying, bool) {
	flag := l.after("unknown flag: ", "flag provided but not defined: ", "unrecognized arguments: ", "unrecognized option ",
		"unknown option ", "unknown shorthand flag: ", "invalid option -- ")
	if flag == "" {
		return Saying{}, false
	}
	flag, _, _ = strings.Cut(flag, "=") // its value may be a secret
	return Saying{
		Why: fmt.Sprintf("it does not know the flag %s", flag),
		Fix: remedy.Sprintf("Correct command and args in the Pod template of %s: this version of the image may have renamed or "+
			"removed the "+
			"flag.", l.owner()),
		Evidence: []check.Evidence{check.FromSpec("image: %s", l.container.Image)},
	}, true
}
