package checktest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/testkit"
)

const (
	// mark is part of every hostile name.
	mark = "pwned"
	// hostileEnd is appended to names: each of its parts creates a file where it is not quoted.
	hostileEnd = "'\";>pwned;$(>pwned)`>pwned`|>pwned&>pwned #\\\n>pwned\n::error::x\u202e##vso[x]"
	// hostileStart is put before names, which become flags where nothing prevents it.
	hostileStart = "--pwned-"
)

// RequireQuotedRemedies runs checks once more, over documents in which every object, container and image has a hostile name. It fails
// unless each command of a remedy reads such a name as one word that is no flag. judge returns the findings of a graph.
func RequireQuotedRemedies(t *testing.T, documents string, judge func(documents string) []check.Finding) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		return // the fuzz targets of package remedy require it
	}
	for _, hostile := range []func(string) string{
		func(name string) string { return name + hostileEnd },
		func(name string) string { return hostileStart + name },
	} {
		for _, finding := range judge(renamed(t, documents, hostile)) {
			RequireQuoted(t, finding.Remediation)
		}
	}
}

// RequireQuoted fails if pasting a command of a remedy would do more than the command says.
func RequireQuoted(t *testing.T, text remedy.Text) {
	t.Helper()
	if !strings.Contains(string(text), mark) {
		return
	}
	if printable.Block(string(text)) != string(text) {
		t.Errorf("hidden characters in the remedy %q", text)
	}
	parts := strings.Split(string(text), "`")
	if len(parts)%2 == 0 {
		t.Errorf("backquotes without a partner in the remedy %q", text)
	}
	for i := 1; i < len(parts); i += 2 {
		if strings.Contains(parts[i], mark) {
			requireHarmless(t, parts[i])
		}
	}
}

// requireHarmless runs a command in which no program is found, and lists its words.
func requireHarmless(t *testing.T, command string) {
	t.Helper()
	if printable.HasCommand(command) { // a sink would escape it, and so change the name
		t.Errorf("a CI command in %q", command)
	}
	directory := t.TempDir()
	shell := func(script string) string {
		run := exec.CommandContext(t.Context(), "bash", "-c", script)
		run.Dir = directory
		run.Env = []string{"PATH=" + directory}
		out, _ := run.Output() // no program is found
		return string(out)
	}
	shell(command)
	if _, err := os.Stat(filepath.Join(directory, mark)); err == nil {
		t.Errorf("pasting the command runs what a name says: %s", command)
	}
	// Placeholders such as <name>, and operators between commands, are words here.
	static := regexp.MustCompile(`<[a-zA-Z /.:-]+>`).ReplaceAllString(command, "PLACEHOLDER")
	for _, operator := range []string{"&&", "||", "|", ";"} {
		static = strings.ReplaceAll(static, " "+operator+" ", " '"+operator+"' ")
	}
	words := strings.Split(shell("printf '%s\\0' "+static), "\x00")
	for i, word := range words {
		if !strings.Contains(word, mark) {
			continue
		}
		if !strings.Contains(word, hostileEnd) && !strings.Contains(word, strings.Trim(quotedJSON(hostileEnd), `"`)) &&
			!strings.Contains(word, hostileStart) {
			t.Errorf("a hostile name is split into words, %q in %s", word, command)
		}
		separated := slices.Contains(words[:i], "--")
		if strings.HasPrefix(word, hostileStart) && !separated && (i == 0 || len(words[i-1]) != 2 && words[i-1] != "--field-selector") {
			t.Errorf("a name is read as the flag %q in %s", word, command)
		}
	}
}

func quotedJSON(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string
	return strings.TrimSuffix(out.String(), "\n")
}

// renamed changes the names in documents, wherever they are referred to. Names with a meaning of their own stay.
func renamed(t *testing.T, documents string, hostile func(string) string) string {
	t.Helper()
	var objects []any
	names := map[string]bool{}
	for _, document := range regexp.MustCompile(`(?m)^---\s*$`).Split(documents, -1) {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatalf("decode:\n%s\n%v", document, err)
		}
		if object != nil {
			objects = append(objects, object)
			collectNames(object, names)
		}
	}
	var out strings.Builder
	for _, object := range objects {
		text, err := json.Marshal(rename(object, "", func(name string) string {
			if names[name] {
				return hostile(name)
			}
			return name
		}))
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n" + string(text) + "\n")
	}
	return out.String()
}

// nameFields are the fields whose values are names.
func nameFields() []string {
	return []string{
		"name", "namespace", "nodeName", "image", "serviceAccountName", "storageClassName", "ingressClassName", "secretName", "claimName",
		"schedulerName", "priorityClassName", "runtimeClassName", "host", "volumeName", "key", "serviceName", "provisioner",
	}
}

func collectNames(value any, names map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for field, inner := range value {
			name, isName := inner.(string)
			if isName && slices.Contains(nameFields(), field) && !reserved(name) {
				names[name] = true
			}
			collectNames(inner, names)
		}
	case []any:
		for _, inner := range value {
			collectNames(inner, names)
		}
	}
}

// reserved reports whether checks know a name.
func reserved(name string) bool {
	return name == "" || name == "default" || strings.HasPrefix(name, "kube-") || strings.HasPrefix(name, "system:") ||
		strings.Contains(name, "kubernetes.io") || name == "cluster-admin"
}

func rename(value any, field string, change func(string) string) any {
	switch value := value.(type) {
	case map[string]any:
		changed := map[string]any{}
		for key, inner := range value {
			if field == "data" || field == "stringData" || field == "binaryData" || field == "nodeSelector" {
				key = change(key)
			}
			changed[key] = rename(inner, key, change)
		}
		return changed
	case []any:
		changed := make([]any, len(value))
		for i, inner := range value {
			changed[i] = rename(inner, field, change)
		}
		return changed
	case string:
		if slices.Contains([]string{"apiVersion", "kind", "type", "status", "reason", "phase", "apiGroup"}, field) {
			return value
		}
		return change(value)
	default:
		return value
	}
}

// graphOf is the graph of documents; the kinds in elsewhere are read only in another namespace.
func graphOf(t *testing.T, documents string, elsewhere ...facts.Kind) *facts.Graph {
	t.Helper()
	builder := facts.NewBuilder("test", testkit.Now())
	for _, object := range testkit.Objects(t, documents) {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range testkit.Kinds() {
		if slices.Contains(elsewhere, kind) {
			builder.Covered(kind, "elsewhere")
		} else {
			builder.Covered(kind, "")
		}
	}
	return builder.Graph()
}
