package ai

import (
	"encoding/json"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/provider/stream"
)

func decodeCalls(text string) (Calls, error) {
	var calls Calls
	err := stream.New(strings.NewReader(text), stream.Limits{Memory: 1 << 20}).Decode(&calls)
	return calls, err
}

func TestCallsAreReadInTheFormsOfServers(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"arguments in a string": {`[{"id":"a","function":{"name":"get","arguments":"{\"kind\":\"Pod\"}"}}]`, `a get {"kind":"Pod"}`},
		"an object":             {`[{"function":{"name":"get","arguments":{"kind":"Pod","lines":3,"all":true}}}]`, `call1 get {"all":"true","kind":"Pod","lines":"3"}`},
		"nested arguments":      {`[{"function":{"name":"get","arguments":{"kind":{"a":1},"b":null}}}]`, `call1 get {"b":"(no text)","kind":"(no text)"}`},
		"no arguments":          {`[{"id":"a","function":{"name":"get"}}]`, `a get {}`},
		"nothing":               {`[{}]`, `call1  {}`},
		"broken arguments":      {`[{"id":"a","function":{"name":"get","arguments":"{"}}]`, `a get {`},
		"null":                  {`null`, ``},
	} {
		calls, err := decodeCalls(tc.text)
		got := ""
		for _, c := range calls {
			got += c.ID + " " + c.Tool + " " + string(c.Arguments)
		}
		if err != nil || got != tc.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func FuzzCalls(f *testing.F) {
	f.Add(`[{"id":"a","function":{"name":"get","arguments":"{}"}}]`)
	f.Add(`[{"function":{"name":"get","arguments":{"a":[{}],"b":1e9,"b":"c"}}}, 1]`)
	f.Fuzz(func(t *testing.T, text string) {
		calls, err := decodeCalls(text)
		if err != nil {
			return
		}
		if len(calls) > MaxCalls {
			t.Errorf("%d calls", len(calls))
		}
		for _, c := range calls {
			if c.ID == "" || len(c.Tool) > MaxCallName || len(c.Arguments) > maxFields*(6*MaxArguments+MaxCallName+8) {
				t.Errorf("%q: %d bytes", c.ID, len(c.Arguments))
			}
		}
		if content, err := json.Marshal(calls); err != nil || string(content) != "null" {
			t.Errorf("got %s, %v", content, err)
		}
	})
}

func TestServersThatCannotCallToolsAreRecognized(t *testing.T) {
	for message, want := range map[string]bool{
		"registry.ollama.ai/library/x:latest does not support tools":                                 true,
		`"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`:     true,
		"Extra inputs are not permitted: tools":                                                      true,
		"litellm.UnsupportedParamsError: x does not support parameters: ['tools']":                   true,
		"This model's maximum context length is 4096 tokens, which does not support that many tools": false,
		"Invalid schema for response_format":                                                         false,
		"":                                                                                           false,
	} {
		if got := (Refusal{Status: 400, Message: message}).NoTools(); got != want {
			t.Errorf("%q: got %v", message, got)
		}
	}
	if !(Refusal{Status: 400, Param: "tools"}).NoTools() || (Refusal{Status: 0, Message: "tools are not supported"}).NoTools() {
		t.Error("the parameter and the status count")
	}
}
