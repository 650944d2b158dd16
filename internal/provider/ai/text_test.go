package ai

import (
	"testing"
)

func TestJSONIsFoundInAnAnswer(t *testing.T) {
	const want = `{"answer":"yes"}`
	for name, text := range map[string]string{
		"alone":                           want,
		"with space":                      "\n " + want + "\n",
		"in a fence":                      "```\n" + want + "\n```",
		"in a fence of JSON":              "```json\n" + want + "\n```\n",
		"in a fence of JSON, capitals":    "```JSON " + want + "```",
		"after reasoning":                 "<think>\nIs it {\"answer\":\"no\"}? No.\n</think>\n\n" + want,
		"after reasoning, in a fence":     "<think></think>```json\n" + want + "\n```",
		"after reasoning without a start": "A Pod is a group of containers.\n</think>\n" + want,
		"after two reasonings":            "<think>a</think><think>b</think>" + want,
		"after reasoning, capitals":       "<THINK></THINK>" + want,
		"after another reasoning":         "<reasoning>a</reasoning>" + want,
	} {
		if got := JSONText(text); got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for name, text := range map[string]string{
		"prose":                  "The answer is " + want,
		"a fence without an end": "```json\n" + want,
		"text of the answer":     `{"answer":"a </think> b"}`,
	} {
		if got := JSONText(text); got != text {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := JSONText("<think>I have to think about"); got != "<think>I have to think about" {
		t.Errorf("got %q", got)
	}
}
