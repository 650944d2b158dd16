package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/testkit/models"
)

const testdata = "../../internal/explain/aibench/testdata"

func table(t *testing.T, arguments ...string) string {
	t.Helper()
	var out, progress bytes.Buffer
	if err := run(t.Context(), append([]string{"--scenarios", testdata}, arguments...), &out, &progress); err != nil {
		t.Fatalf("%v\n%s\n%s", err, progress.String(), out.String())
	}
	t.Log("\n" + out.String())
	return out.String()
}

func scenario(t *testing.T, name string) aibench.Scenario {
	t.Helper()
	all, err := aibench.Read(testdata)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return aibench.Scenario{}
}

func TestPromptsAreMeasuredWithoutAModel(t *testing.T) {
	out := table(t)
	if !regexp.MustCompile(`(?m)^35 scenarios, \d+ root causes: what shows the cause is in the prompt of 35, and found with tools in 35; 0 cite it\.$`).MatchString(out) {
		t.Error("the totals are others")
	}
}

// scripted answers what a capable model answered once, and calls what it called.
func scripted(s aibench.Scenario) func(models.Turn) models.Reply {
	return func(turn models.Turn) models.Reply {
		unescaped := strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\\`, `\`).Replace(turn.User)
		shown := true
		for _, text := range s.Expect {
			shown = shown && strings.Contains(unescaped, text)
		}
		var calls []models.Call
		for i, call := range s.Calls {
			arguments, err := json.Marshal(call.Arguments)
			if err != nil {
				return models.Reply{}
			}
			calls = append(calls, models.Call{ID: fmt.Sprint("c", i), Tool: call.Tool, Arguments: string(arguments)})
		}
		switch {
		case len(turn.Tools) > 0 && len(turn.Results) == 0:
			return models.Reply{Calls: calls}
		case len(turn.Tools) > 0:
			return models.Reply{}
		case shown && s.Answer != "" && !strings.Contains(turn.User, `"id":"t1"`):
			return models.Reply{Text: s.Answer}
		}
		return models.Reply{Text: `{"cause":"The cause is not known.","why":[],"ruledOut":[],"missing":[],"next":[],"fix":[],"confidence":"unknown"}`}
	}
}

func TestAServerIsMeasured(t *testing.T) {
	for name, tc := range map[string]struct {
		fake      func(testing.TB, ...models.Option) *models.Fake
		kind      string
		scenario  string
		arguments []string
		want      string
	}{
		"an answer that cites the cause": {
			models.OpenAI, "openai", "lab-pool-allows-no-connections", []string{"--investigate", "Never"}, `yes +yes +\d+ +1 +\d+ +0 +0 +high +yes +-`,
		},
		"the same server type of Ollama": {
			models.Ollama, "ollama", "lab-pool-allows-no-connections", []string{"--investigate", "Never"}, `yes +yes +\d+ +1 +\d+ +0 +0 +high +yes +-`,
		},
		"tools that find it": {
			models.OpenAI, "openai", "lab-pool-allows-no-connections", []string{"--alone"}, `no +yes +\d+ +4 +\d+ +[123] +0 +unknown +no +-`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario(t, tc.scenario)
			fake := tc.fake(t, models.WithoutKey())
			fake.Answer(scripted(s))
			arguments := append([]string{"--url", fake.URL, "--type", tc.kind, "--model", models.Name, "--only", tc.scenario}, tc.arguments...)
			out := table(t, arguments...)
			if !regexp.MustCompile(`(?m)^` + tc.scenario + ` +` + tc.want + `$`).MatchString(out) {
				t.Errorf("want %s", tc.want)
			}
		})
	}
}

func TestInvalidArgumentsAreRejected(t *testing.T) {
	for name, tc := range map[string]struct {
		arguments []string
		want      string
	}{
		"no model":         {[]string{"--url", "http://127.0.0.1:1"}, "--url requires --model"},
		"a wrong language": {[]string{"--language", "de"}, "--language de must be en or zh"},
		"a wrong time":     {[]string{"--investigate", "Always"}, "--investigate Always must be"},
		"no scenarios":     {[]string{"--only", "x-"}, "has no scenarios"},
		"a wrong type":     {[]string{"--url", "http://127.0.0.1:1", "--model", "m", "--type", "x"}, "--type x"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"--scenarios", testdata}, tc.arguments...), &out, &out)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
